"""Stand-ins in a small service that is a consumer: each answer is covered, a failure, or an end."""

from pathlib import Path
from typing import Any

import pytest

from service_testing.contracts import drift
from service_testing.contracts.pact_files import Interaction, merged

CONFTEST = """
import pytest
from example.app import create_app
from service_testing.service import ServiceUnderTest

@pytest.fixture(scope="session")
def service(tmp_path_factory):
    return ServiceUnderTest(
        name="hatter", create_app=create_app, migrations=tmp_path_factory.mktemp("none")
    )
"""
INI = "[pytest]\ncontracts = contracts\n"
IMPORTS = """
import asyncio
import httpx
import pytest
import respx
from service_testing import faults
from service_testing.contracts.stand_ins import gives

URL = "http://shop/hats/9"

async def ask(transport=None, **options):
    async with httpx.AsyncClient(transport=transport, trust_env=False, **options) as http:
        return await http.get(URL)
"""
STAND_INS = {
    "respx": """
@respx.mock
async def test_it():
    respx.get(URL).respond({status}, json={body})
    await ask()
""",
    "a synchronous client": """
@respx.mock
def test_it():
    respx.get(URL).respond({status}, json={body})
    with httpx.Client(trust_env=False) as http:
        http.get(URL)
""",
    "httpx.MockTransport": """
async def test_it():
    await ask(httpx.MockTransport(lambda _: httpx.Response({status}, json={body})))
""",
    "FaultyTransport": """
async def test_it():
    await ask(faults.FaultyTransport(faults.answer({status}, json={body})))
""",
    "a transport of one's own": """
class Own(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        return httpx.Response({status}, json={body})

async def test_it():
    await ask(Own())
""",
    "an app that catches errors": """
async def test_it():
    try:
        await ask(faults.FaultyTransport(faults.answer({status}, json={body})))
    except Exception:
        pass
""",
    "a task that nobody waits for": """
async def test_it():
    stand_in = faults.FaultyTransport(faults.answer({status}, json={body}))
    task = asyncio.create_task(ask(stand_in))
    await asyncio.wait([task])
    task.exception()
""",
    "a fake": """
async def test_it():
    gives("GET", "/hats/9", {status}, {body})
""",
}
FAILURES = [
    "faults.refused()",
    "faults.timed_out()",
    "faults.unavailable()",
    "faults.answer(500)",
    "faults.too_many_requests(retry_after_seconds=1)",
    "faults.malformed_json()",
    "faults.reset(faults.answer(410, text='gone'), after_bytes=2)",
    "faults.truncated(faults.answer(json={'id': 9}), after_bytes=3)",
    "faults.truncated(faults.answer(json={'id': 9}), after_bytes=3, is_noticed=False)",
    "faults.unpromised(410)",
    "faults.unpromised(json=[])",
]
HAT = {"id": 7, "is_sold": False}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A consumer of a shop, with committed contracts."""
    pytester.makeconftest(CONFTEST)
    pytester.makefile(".ini", pytest=INI)
    drift.write(pytester.path / "contracts/pacts", merged(interactions()))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    return pytester


def interactions() -> list[Interaction]:
    found = {"status": 200, "body": {"content": HAT, "contentType": "application/json"}}
    return [_interaction("a hat", found), _interaction("no hat", {"status": 404})]


def _interaction(description: str, response: dict[str, Any]) -> Interaction:
    document = {
        "description": description,
        "type": "Synchronous/HTTP",
        "providerStates": [{"name": "a hat", "params": {"id": 7}}],
        "request": {"method": "GET", "path": "/hats/7"},
        "response": response,
    }
    return Interaction("hatter", "shop", document)


def run(project: pytest.Pytester, test: str, *, folder: str = "unit") -> pytest.RunResult:
    path = project.path / "tests" / folder / "test_stand_in.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(IMPORTS + test)
    return project.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", path)


def stand_in(name: str, status: int, body: Any) -> str:
    return STAND_INS[name].replace("{status}", str(status)).replace("{body}", repr(body))


@pytest.mark.parametrize("name", STAND_INS)
class TestEachKind:
    def test_stand_in_that_gives_what_is_promised_passes(
        self, project: pytest.Pytester, name: str
    ) -> None:
        found = stand_in(name, 200, {"id": 9, "is_sold": False})
        nobody = stand_in(name, 404, {}).replace("test_it", "test_nobody")
        failing = stand_in(name, 503, {}).replace("test_it", "test_failing")
        run(project, found + nobody + failing).assert_outcomes(passed=3)

    @pytest.mark.parametrize(
        ("status", "body", "message"),
        [
            (410, {}, "answers GET /hats/{id} with 410, only with 200, 404."),
            (200, {"id": 9}, "`a hat`: $.is_sold is missing"),
        ],
        ids=["status", "field"],
    )
    def test_stand_in_that_gives_anything_else_fails_and_names_what_is_missing(
        self, project: pytest.Pytester, name: str, status: int, body: Any, message: str
    ) -> None:
        result = run(project, stand_in(name, status, body))
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*No interaction of hatter-shop answers GET /hats/{id} with*"])
        assert message in result.stdout.str()


class TestFailures:
    def test_failure_on_the_way_needs_no_interaction(self, project: pytest.Pytester) -> None:
        test = f"""
@pytest.mark.parametrize("failure", [{", ".join(FAILURES)}])
async def test_it(failure):
    try:
        await ask(faults.FaultyTransport(failure))
    except httpx.TransportError:
        pass
"""
        run(project, test).assert_outcomes(passed=len(FAILURES))

    def test_failure_that_respx_gives_needs_none_either(self, project: pytest.Pytester) -> None:
        test = """
@respx.mock
async def test_it():
    respx.get(URL).mock(side_effect=faults.unpromised(410))
    assert (await ask()).status_code == 410
"""
        run(project, test).assert_outcomes(passed=1)

    def test_failure_in_spite_of_redirects_is_looked_at_one_by_one(
        self, project: pytest.Pytester
    ) -> None:
        test = """
async def test_it():
    moved = faults.answer(302, headers={"Location": URL})
    await ask(faults.FaultyTransport(moved, faults.answer(404)), follow_redirects=True)
"""
        result = run(project, test)
        result.assert_outcomes(failed=1)
        assert "with 302, only with" in result.stdout.str()


class TestWhere:
    @pytest.mark.parametrize(
        ("folder", "outcome"),
        [("unit", "failed"), ("integration", "failed"), ("contract", "passed"), ("e2e", "passed")],
    )
    def test_stand_ins_are_held_where_there_are_any(
        self, project: pytest.Pytester, folder: str, outcome: str
    ) -> None:
        result = run(project, stand_in("respx", 410, {}), folder=folder)
        result.assert_outcomes(**{outcome: 1})

    def test_stand_ins_of_a_project_without_contracts_are_free(
        self, project: pytest.Pytester
    ) -> None:
        (project.path / "pytest.ini").write_text("[pytest]\n")
        run(project, stand_in("a fake", 410, {})).assert_outcomes(passed=1)

    def test_answer_of_an_app_is_no_stand_in_s(self, project: pytest.Pytester) -> None:
        test = """
async def gone(scope, receive, send):
    await send({"type": "http.response.start", "status": 410, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def test_it():
    assert (await ask(httpx.ASGITransport(gone))).status_code == 410
"""
        run(project, test).assert_outcomes(passed=1)

    def test_answer_that_came_over_a_network_is_no_stand_in_s(
        self, project: pytest.Pytester
    ) -> None:
        test = """
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(410)
        self.end_headers()

def test_it():
    with HTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/hats/9"
        assert httpx.get(url, trust_env=False).status_code == 410
        thread.join()
"""
        run(project, test).assert_outcomes(passed=1)
