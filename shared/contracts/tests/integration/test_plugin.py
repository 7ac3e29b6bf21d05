"""The contract fixtures, in a small project that is consumer and provider at once."""

import json
from pathlib import Path

import pytest

from contracts import drift
from contracts.pacts import read_all
from contracts.results import Result, read_results

CONFTEST = """
from pathlib import Path

import notes
import pytest
from contracts.pacts import Contracts
from contracts.provider import ProviderStates, state_handler

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="session")
def participant():
    return "example"

@pytest.fixture(scope="session")
def contracts():
    return Contracts(Path(__file__).parent / "contracts")

@pytest.fixture(scope="session")
def provider_app():
    return notes.app

class States(ProviderStates):
    @state_handler("a note")
    async def note(self, title: str):
        notes.NOTES.append(title)

@pytest.fixture
def provider_states():
    notes.NOTES.clear()
    return States()
"""
CONSUMER = """
import httpx
from contracts.consumer import Request, Response, state

async def test_all_notes(expecting):
    with expecting("example").answers(
        "all notes",
        given=[state("a note", title="milk")],
        request=Request(method="GET", path="/notes/"),
        response=Response(status=200, body=["milk"]),
    ) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get("/notes/")).json() == ["milk"]
"""
PROVIDER = """
from pathlib import Path

import pytest
from contracts.provider import Contracts, each_interaction, first_interactions

CONTRACTS = Contracts(Path(__file__).parent / "contracts")

@each_interaction(CONTRACTS, provider="example")
async def test_interaction_is_verified(interaction, verify):
    await verify(interaction)

@first_interactions(CONTRACTS, provider="example")
async def test_canary(interaction, verify_canary):
    await verify_canary(interaction)
"""
VERIFIES = "    await verify(interaction)\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose contracts aren't recorded yet."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_consumer=CONSUMER, test_provider=PROVIDER)
    pytester.mkdir("contracts").joinpath("states.toml").write_text(
        '[example."a note"]\ntitle = "str"\n'
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest(
        "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "anyio_mode=auto", *options
    )


def record(project: pytest.Pytester) -> None:
    run(project, "--contracts-output=recorded").assert_outcomes(passed=1, deselected=2)
    drift.write(
        project.path / "contracts/pacts", drift.regenerated([project.path / "recorded/pacts"])
    )


def test_recording_needs_no_committed_contracts(project: pytest.Pytester) -> None:
    record(project)
    pact = json.loads((project.path / "contracts/pacts/example-example.json").read_text())
    (interaction,) = pact["interactions"]
    assert interaction["response"]["body"]["content"] == ["milk"]
    assert interaction["providerStates"] == [{"name": "a note", "params": {"title": "milk"}}]
    assert interaction["comments"] == {"testname": "test_consumer.py::test_all_notes"}


def test_other_pacts_can_be_verified(project: pytest.Pytester) -> None:
    project.makepyfile(test_consumer=CONSUMER.replace('["milk"]', '["bread"]'))
    record(project)
    (project.path / "contracts/pacts").rename(project.path / "deployed")
    run(project, "--contracts-pacts=deployed").assert_outcomes(passed=2, failed=1, deselected=1)


def test_broken_interaction_fails_with_the_report(project: pytest.Pytester) -> None:
    project.makepyfile(test_consumer=CONSUMER.replace('["milk"]', '["bread"]'))
    record(project)
    result = run(project, "test_provider.py", "--contracts-verified=verified")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["example breaks example: all notes", "  expected   by test_consumer.py::test_all_notes *"]
    )
    found, *_ = read_results(project.path / "verified/results")
    assert not found.is_verified
    assert found.reason.startswith("example breaks example: all notes")
    assert len(found.reason.splitlines()) == 6


def test_provider_whose_app_raises_fails_with_that_error(project: pytest.Pytester) -> None:
    project.makepyfile(test_consumer=CONSUMER.replace("/notes/", "/broken"))
    record(project)
    result = run(project, "test_provider.py::test_interaction_is_verified")
    result.stdout.fnmatch_lines(["*RuntimeError: a secret cause*"])
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["milk"]', '["bread"]', "than its test. Run `contracts update`"),
        ('"all notes"', '"every note"', "doesn't have the interaction `example: every note`"),
    ],
    ids=["changed", "new"],
)
def test_consumer_that_is_not_recorded_fails_with_the_fix(
    project: pytest.Pytester, old: str, new: str, message: str
) -> None:
    record(project)
    project.makepyfile(test_consumer=CONSUMER.replace(old, new))
    result = run(project, "test_consumer.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{message}*".replace("[", "[[]")])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('http.get("/notes/")', 'http.get("/notes/", params={"size": 1})'),
        ('assert (await http.get("/notes/")).json() == ["milk"]', "pass"),
        ('== ["milk"]', '== ["bread"]'),
        ('title="milk"', 'title="milk", size=1'),
        ('state("a note"', 'state("a book"'),
        ('expecting("example")', 'expecting("exmaple")'),
    ],
    ids=[
        *("other request", "no request", "failed assertion"),
        *("other parameters", "unknown state", "unknown provider"),
    ],
)
def test_consumer_that_fails_records_nothing(project: pytest.Pytester, old: str, new: str) -> None:
    assert old in CONSUMER
    project.makepyfile(test_consumer=CONSUMER.replace(old, new))
    run(project, "--contracts-output=recorded").assert_outcomes(failed=1, deselected=2)
    assert not (project.path / "recorded/pacts").exists()
    (reason,) = (project.path / "recorded/failed").glob("*/reason.txt")
    assert reason.read_text().startswith("test_consumer.py::test_all_notes\n")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_expected_server_error_is_an_error(project: pytest.Pytester, status: int) -> None:
    project.makepyfile(test_consumer=CONSUMER.replace("status=200", f"status={status}"))
    result = run(project, "--contracts-output=recorded")
    result.assert_outcomes(failed=1, deselected=2)
    result.stdout.fnmatch_lines([f"*a contract can't contain the status {status}*"])


@pytest.mark.parametrize(
    ("fixture", "message"),
    [
        ("contracts", 'contracts = "../../contracts"'),
        ("provider_states", "fixture 'provider_states' not found"),
        ("provider_app", "fixture 'provider_app' not found"),
    ],
)
def test_missing_fixture_is_an_error_with_the_fix(
    project: pytest.Pytester, fixture: str, message: str
) -> None:
    record(project)
    project.makeconftest(CONFTEST.replace(f"def {fixture}(", "def other("))
    result = run(project)
    result.stdout.fnmatch_lines([f"*{message}*"])
    assert result.ret != 0


def test_folder_of_contracts_is_an_option(project: pytest.Pytester) -> None:
    record(project)
    project.makeconftest(CONFTEST.replace("def contracts(", "def other("))
    project.makefile(".ini", pytest="[pytest]\ncontracts = contracts\nanyio_mode = auto\n")
    run(project).assert_outcomes(passed=4)


def results(project: pytest.Pytester, provider: str = PROVIDER) -> list[Result]:
    project.makepyfile(test_provider=provider)
    run(project, "test_provider.py", "--contracts-verified=verified")
    found = read_results(project.path / "verified/results")
    assert [each.is_verified for each in found if each.is_canary] == [True, True]
    return [each for each in found if not each.is_canary]


def test_result_has_the_verified_interaction(project: pytest.Pytester) -> None:
    record(project)
    (result,) = results(project)
    assert result.is_verified
    assert result.interaction == next(read_all(project.path / "contracts/pacts"))
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("instead", "reasons"),
    [
        ("    raise RuntimeError('no database')\n", ["no database"]),
        ("    pass\n", ["without verifying the interaction"]),
        ("    pytest.skip()\n", []),
    ],
    ids=["error", "no verification", "skipped"],
)
def test_result_of_a_test_that_verifies_nothing(
    project: pytest.Pytester, instead: str, reasons: list[str]
) -> None:
    record(project)
    found = results(project, PROVIDER.replace(VERIFIES, instead))
    assert [reason in each.reason for each, reason in zip(found, reasons, strict=True)] == [
        True for _ in reasons
    ]
