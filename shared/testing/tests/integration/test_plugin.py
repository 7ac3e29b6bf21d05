"""Each check of the plugin fails when it must: small projects that break one rule."""

import gc
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url

from service_testing import postgres

SERVICE = """
from pathlib import Path
from types import SimpleNamespace

import pytest
from example.app import create_app
from service_testing.service import ServiceUnderTest

@pytest.fixture(scope="session")
def service():
    return ServiceUnderTest(
        name="example",
        create_app=create_app,
        migrations=Path(create_app.__code__.co_filename).parent / "migrations",
        keep_tables=["starts"],
    )
"""
TESTS = Path(__file__).parents[1]
UNMARKED_DATABASE = """
import pytest
from service_testing.databases import sqlite_url

@pytest.fixture(scope="session")
def database_url(tmp_path_factory):
    return sqlite_url(tmp_path_factory.mktemp("data") / "users.db")
"""
CALLS_THE_APP = """
async def test_notes(client):
    assert (await client.get("/notes/")).json() == []
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A service's project with the five lines that a conftest needs."""
    pytester.makeconftest(SERVICE)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    return pytester


def test_five_lines_set_up_a_service(project: pytest.Pytester) -> None:
    project.makepyfile(CALLS_THE_APP)
    project.runpytest("--strict-markers").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("create_app", "tables", "statuses"),
    [
        ("lambda: FastAPI()", "None", (200, 404)),
        ("create_app", "Base.metadata", (200, 201)),
    ],
    ids=["no database", "no migrations"],
)
def test_service_needs_neither_migrations_nor_a_database(
    project: pytest.Pytester, create_app: str, tables: str, statuses: tuple[int, int]
) -> None:
    project.makepyfile(
        f"""
        import pytest
        from example.app import Base, create_app
        from fastapi import FastAPI
        from service_testing.service import ServiceUnderTest

        @pytest.fixture(scope="session")
        def service():
            return ServiceUnderTest(name="other", create_app={create_app}, metadata={tables})

        @pytest.mark.parametrize("run", [1, 2])
        async def test_app(client, run):
            got = await client.get("/openapi.json"), await client.post("/notes/?title=leaks")
            assert tuple(each.status_code for each in got) == {statuses}
        """
    )
    project.runpytest("--strict-markers").assert_outcomes(passed=2)


def test_each_fixture_has_a_docstring(project: pytest.Pytester) -> None:
    project.makepyfile(CALLS_THE_APP)
    modules = project.runpytest("--fixtures").stdout.str().split("fixtures defined from ")
    ours = "\n".join(text for text in modules if text.startswith("service_testing."))
    for name in ("database_url", "client", "user_client", "live_server", "reset_db", "frozen_time"):
        assert re.search(rf"^{name}\b.* -- ", ours, re.MULTILINE), name
    assert "no docstring available" not in ours


def test_missing_service_fixture_is_an_error_with_instructions(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CALLS_THE_APP)
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Define the session fixture `service` in your conftest.py*"])


def test_unknown_database_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--database=mysql")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--database: invalid choice: 'mysql'*"])


def test_database_without_test_in_its_name_is_refused(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(UNMARKED_DATABASE + CALLS_THE_APP)
    result = project.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*The test would change the database *users.db'*"])


def test_real_database_of_the_app_s_own_engine_is_refused(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from contextlib import asynccontextmanager
        from fastapi import FastAPI
        from service_testing.service import ServiceUnderTest
        from sqlalchemy import text
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine("sqlite+aiosqlite:///shop.db")

        @asynccontextmanager
        async def lifespan(app):
            try:
                async with engine.begin() as connection:
                    await connection.execute(text("CREATE TABLE items (id INTEGER)"))
            except Exception:
                pass
            yield

        @pytest.fixture(scope="session")
        def service():
            return ServiceUnderTest(name="shop", create_app=lambda: FastAPI(lifespan=lifespan))

        async def test_app(client):
            pass
        """
    )
    result = project.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*The test would change the database '*shop.db'*"])
    assert not (project.path / "shop.db").exists()


def test_async_test_of_unittest_that_would_not_run_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import unittest

        class TestPlain(unittest.TestCase):
            async def test_async(self):
                raise AssertionError

            def test_sync(self): pass

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            async def test_async(self): pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*`unittest.TestCase` doesn't run async tests.*"])


def test_run_without_postgres_ends_with_the_reason(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(CALLS_THE_APP)
    monkeypatch.delenv("TEST_POSTGRES_URL", raising=False)
    monkeypatch.setattr("service_testing.postgres.server", _no_server)
    result = project.runpytest("--database=postgres")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*No PostgreSQL for tests.*"])


class TestCategories:
    @pytest.mark.parametrize("name", ["unit", "integration", "contract", "e2e"])
    def test_category_comes_from_the_folder(self, pytester: pytest.Pytester, name: str) -> None:
        for folder in ("unit", "integration", "contract", "e2e"):
            pytester.mkpydir(folder).joinpath("test_it.py").write_text("def test(): pass")
        result = pytester.runpytest("--strict-markers", "--collect-only", "-q", "-m", name)
        assert [line for line in result.outlines if "::" in line] == [f"{name}/test_it.py::test"]

    def test_unit_test_with_the_database_fails(self, project: pytest.Pytester) -> None:
        project.mkpydir("unit").joinpath("test_it.py").write_text(CALLS_THE_APP)
        result = project.runpytest()
        result.assert_outcomes(passed=1, errors=1)
        result.stdout.fnmatch_lines(["A unit test does no I/O*"])

    @pytest.mark.parametrize("fixture", ["client", "engine", "database_url"])
    @pytest.mark.parametrize("first", ["unit", "other"])
    def test_unit_test_that_asks_for_the_database_while_it_runs_fails(
        self, project: pytest.Pytester, fixture: str, first: str
    ) -> None:
        code = f"def test(request): request.getfixturevalue({fixture!r})"
        for folder in ("unit", "other"):  # also when another test has opened it
            project.mkpydir(folder).joinpath("test_it.py").write_text(code)
        result = project.runpytest("-p", "no:randomly", first, "unit", "other")
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(["A unit test does no I/O*"])

    def test_database_marker_is_set_for_every_fixture_with_a_database(
        self, project: pytest.Pytester
    ) -> None:
        project.makepyfile(
            """
            def test_app(client): pass
            def test_command(spare_database_url): pass
            def test_migration(empty_database_url): pass
            def test_itself(new_database): pass
            def test_none(tmp_path): pass
            """
        )
        result = project.runpytest("--strict-markers", "--collect-only", "-q", "-m", "not database")
        assert [line.split("::")[1] for line in result.outlines if "::" in line] == ["test_none"]

    def test_slow_is_a_known_marker_and_others_are_errors(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile("import pytest\n@pytest.mark.slow\ndef test(): pass")
        pytester.runpytest("--strict-markers", "-m", "not slow").assert_outcomes(deselected=1)
        pytester.makepyfile("import pytest\n@pytest.mark.sloow\ndef test(): pass")
        pytester.runpytest("--strict-markers").assert_outcomes(errors=1)


class TestDynamicLiveServer:
    CODE = """
    import httpx
    import pytest

    @pytest.fixture
    def target(request):
        return request.getfixturevalue(request.param)

    {marker}
    @pytest.mark.parametrize("target", ["live_server"], indirect=True)
    @pytest.mark.parametrize("run", [1, 2])
    async def test_row_is_deleted({arguments}, run):
        async with target.client() as client:
            assert (await client.post("/notes/?title=leaks")).status_code == 201

    def test_requested_while_it_runs(request):
        server = request.getfixturevalue("live_server")
        assert httpx.post(f"{{server.url}}/notes/?title=leaks", trust_env=False).status_code == 201
    """

    @pytest.mark.parametrize(
        ("marker", "arguments"),
        [("", "target"), ("", "target, session"), ("@pytest.mark.committed", "session, target")],
    )
    def test_test_is_committed(self, project: pytest.Pytester, marker: str, arguments: str) -> None:
        project.makepyfile(self.CODE.format(marker=marker, arguments=arguments))
        project.runpytest().assert_outcomes(passed=3)

    def test_rollback_mode_is_refused(self, project: pytest.Pytester) -> None:
        """Rows would stay, and on SQLite the server would wait for the test's own transaction."""
        project.makepyfile(self.CODE.format(marker="", arguments="session, target"))
        result = project.runpytest()
        result.assert_outcomes(passed=1, errors=2)
        result.stdout.fnmatch_lines(["*Mark the test with @pytest.mark.committed."])


def test_run_without_the_database_creates_none(project: pytest.Pytester) -> None:
    project.makepyfile("async def test_nothing(): pass")
    result = project.runpytest("--setup-plan", "-k", "nothing")
    result.stdout.fnmatch_lines(["*SETUP    S _one_event_loop*"])
    for fixture in ("database_url", "service", "app"):
        result.stdout.no_fnmatch_line(f"*SETUP * {fixture}*")


def test_async_tests_share_one_event_loop(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio

        loops = set()

        async def test_one(): loops.add(asyncio.get_running_loop())
        async def test_two(): loops.add(asyncio.get_running_loop())
        def test_both(): assert len(loops) == 1
        """
    )
    pytester.runpytest("-p", "no:randomly").assert_outcomes(passed=3)


@pytest.mark.slow
def test_each_parallel_worker_has_its_own_database(
    project: pytest.Pytester, request: pytest.FixtureRequest
) -> None:
    project.makepyfile(
        """
        import pathlib
        import pytest

        @pytest.mark.committed
        @pytest.mark.parametrize("run", range(8))
        async def test_url(database_url, worker_id, client, run):
            pathlib.Path(worker_id).write_text(database_url)
            assert (await client.post("/notes/", params={"title": "one"})).status_code == 201
        """
    )
    kind = request.config.getoption("--database")
    project.runpytest_subprocess("-n", "2", f"--database={kind}").assert_outcomes(passed=8)
    urls = [make_url((project.path / worker).read_text()) for worker in ("gw0", "gw1")]
    assert urls[0].database != urls[1].database
    assert urls[0].port == urls[1].port  # they share one server


def test_database_tests_run_without_xdist(project: pytest.Pytester) -> None:
    project.makepyfile(CALLS_THE_APP)
    project.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)


@pytest.mark.parametrize("is_in_memory", [True, False])
def test_files_of_databases_are_deleted(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, *, is_in_memory: bool
) -> None:
    free = SimpleNamespace(free=2**31 + is_in_memory)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    # On a disk they are where the others are, whatever its name is.
    folder = project.path / "a b#c%41d?e"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    project.makepyfile(
        f"""
        import pathlib
        from sqlalchemy import make_url

        async def test_file(database_url, client):
            file = pathlib.Path(make_url(database_url).database)
            assert file.exists()
            memory = pathlib.Path("/dev/shm")
            assert file.is_relative_to(memory) is ({is_in_memory} and memory.is_dir())
            pathlib.Path({str(project.path / "file")!r}).write_text(str(file))
        """
    )
    project.runpytest().assert_outcomes(passed=1)
    assert not Path((project.path / "file").read_text()).parent.exists()


class TestPropertyTests:
    CODE = """
    import time
    from hypothesis import given, settings, strategies

    @given(strategies.integers())
    @settings(max_examples=2)
    async def test_slow(client, number):
        time.sleep(0.3)
        assert (await client.get("/motto")).status_code == 200
    """

    def test_property_test_may_be_slow_and_use_fixtures(self, project: pytest.Pytester) -> None:
        project.makepyfile(self.CODE)
        project.runpytest().assert_outcomes(passed=1)

    def test_given_hypothesis_profile_is_kept(self, project: pytest.Pytester) -> None:
        project.makepyfile(self.CODE)
        project.runpytest("--hypothesis-profile=default").assert_outcomes(failed=1)

    def test_brief_profile_runs_a_fifth_of_the_examples(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile(
            """
            import time
            from hypothesis import given, settings, strategies
            from service_testing.properties import examples

            @given(strategies.just(1))
            def test_may_be_slow(number):
                time.sleep(0.3)

            def test_examples():
                assert settings().max_examples * 5 == settings.get_profile("service").max_examples
                assert examples(0.5) * 2 == settings().max_examples
                assert examples(0.001) == 1
            """
        )
        pytester.runpytest("--hypothesis-profile=brief").assert_outcomes(passed=2)


def _no_server() -> None:
    raise postgres.PostgresUnavailable("No PostgreSQL for tests.")


def test_garbage_collections_skip_what_was_there_before_the_first_test() -> None:
    assert gc.get_freeze_count() > 0
