"""Fakes in a small consumer: each response is covered, or a failure, or fails the test."""

from pathlib import Path
from typing import Any

import pytest

from contracts import drift
from contracts.pacts import Interaction, merged

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="session")
def participant():
    return "hatter"
"""
INI = "[pytest]\ncontracts = contracts\nanyio_mode = auto\n"
IMPORTS = """
import asyncio
import httpx
import pytest
import respx
from contracts.fakes import UNCOVERED, check_answer

URL = "http://shop/hats/9"

class Fake(httpx.AsyncBaseTransport):

    def __init__(self, *behaviours):
        self.behaviours = list(behaviours)

    async def handle_async_request(self, request):
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        if isinstance(behaviour, Exception):
            raise behaviour
        return behaviour

def uncovered(status=200, **content):
    return httpx.Response(status, extensions={UNCOVERED: True}, **content)

async def ask(transport=None, **options):
    async with httpx.AsyncClient(transport=transport, trust_env=False, **options) as http:
        return await http.get(URL)
"""
FAKES = {
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
    "a fake transport": """
async def test_it():
    await ask(Fake(httpx.Response({status}, json={body})))
""",
    "an app that catches errors": """
async def test_it():
    try:
        await ask(Fake(httpx.Response({status}, json={body})))
    except Exception:
        pass
""",
    "a task that nobody waits for": """
async def test_it():
    task = asyncio.create_task(ask(Fake(httpx.Response({status}, json={body}))))
    await asyncio.wait([task])
    task.exception()
""",
    "a fake": """
async def test_it():
    check_answer("GET", "/hats/9", {status}, {body})
""",
}
FAILURES = [
    "httpx.ConnectError('refused')",
    "httpx.ReadTimeout('timed out')",
    "httpx.Response(503)",
    "httpx.Response(500)",
    "httpx.Response(429, headers={'Retry-After': '1'})",
    "uncovered(content=b'{')",
    "uncovered(410)",
    "uncovered(json=[])",
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
    path = project.path / "tests" / folder / "test_fake.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(IMPORTS + test)
    return project.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", path)


def fake(name: str, status: int, body: Any) -> str:
    return FAKES[name].replace("{status}", str(status)).replace("{body}", repr(body))


@pytest.mark.parametrize("name", FAKES)
class TestEachKind:
    def test_covered_response_passes(self, project: pytest.Pytester, name: str) -> None:
        found = fake(name, 200, {"id": 9, "is_sold": False})
        nobody = fake(name, 404, {}).replace("test_it", "test_nobody")
        failing = fake(name, 503, {}).replace("test_it", "test_failing")
        run(project, found + nobody + failing).assert_outcomes(passed=3)

    @pytest.mark.parametrize(
        ("status", "body", "message"),
        [
            (410, {}, "answers GET /hats/{id} with 410, only with 200, 404."),
            (200, {"id": 9}, '`a hat`: $: "is_sold" is a required property'),
        ],
        ids=["status", "field"],
    )
    def test_uncovered_response_fails_and_names_the_interaction(
        self, project: pytest.Pytester, name: str, status: int, body: Any, message: str
    ) -> None:
        result = run(project, fake(name, status, body))
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*No interaction of hatter-shop answers GET /hats/{id} with*"])
        assert message in result.stdout.str()


class TestFailures:
    def test_failure_needs_no_interaction(self, project: pytest.Pytester) -> None:
        test = f"""
@pytest.mark.parametrize("failure", [{", ".join(FAILURES)}])
async def test_it(failure):
    try:
        await ask(Fake(failure))
    except httpx.TransportError:
        pass
"""
        run(project, test).assert_outcomes(passed=len(FAILURES))

    def test_each_response_of_a_redirect_is_checked(self, project: pytest.Pytester) -> None:
        test = """
async def test_it():
    moved = httpx.Response(302, headers={"Location": URL})
    await ask(Fake(moved, httpx.Response(404)), follow_redirects=True)
"""
        result = run(project, test)
        result.assert_outcomes(failed=1)
        assert "with 302, only with" in result.stdout.str()


STREAMS = """
async def endless():
    while True:
        yield b"tick"

async def hat():
    yield b'{"id": 9, '
    yield b'"is_sold": null}'

async def open_stream(content):
    http = httpx.AsyncClient(transport=Fake(httpx.Response(200, content=content)), trust_env=False)
    return await http.send(http.build_request("GET", URL), stream=True)
"""


class TestStreams:
    def test_endless_stream_is_not_read(self, project: pytest.Pytester) -> None:
        test = """
async def test_it():
    await anext((await open_stream(endless())).aiter_bytes())
"""
        run(project, STREAMS + test).assert_outcomes(passed=1)

    def test_body_of_a_stream_is_checked_when_it_is_read(self, project: pytest.Pytester) -> None:
        test = "async def test_it():\n    await (await open_stream(hat())).aread()\n"
        result = run(project, STREAMS + test)
        result.assert_outcomes(failed=1)
        assert "$.is_sold: false was expected" in result.stdout.str()


class TestWhere:
    @pytest.mark.parametrize(
        ("folder", "outcome"),
        [("unit", "failed"), ("integration", "failed"), ("contract", "passed"), ("e2e", "passed")],
    )
    def test_fakes_are_checked_in_unit_and_integration_tests(
        self, project: pytest.Pytester, folder: str, outcome: str
    ) -> None:
        result = run(project, fake("respx", 410, {}), folder=folder)
        result.assert_outcomes(**{outcome: 1})

    def test_fakes_are_not_checked_without_contracts(self, project: pytest.Pytester) -> None:
        (project.path / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\n")
        run(project, fake("a fake", 410, {})).assert_outcomes(passed=1)

    def test_response_of_an_app_is_not_checked(self, project: pytest.Pytester) -> None:
        test = """
async def gone(scope, receive, send):
    await send({"type": "http.response.start", "status": 410, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def test_it():
    assert (await ask(httpx.ASGITransport(gone))).status_code == 410
"""
        run(project, test).assert_outcomes(passed=1)

    def test_response_over_a_network_is_not_checked(self, project: pytest.Pytester) -> None:
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
