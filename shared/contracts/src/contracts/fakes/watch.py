"""Checks the fakes and mocks of unit and integration tests: respx, transports and fake classes.

Any response that an httpx client receives without a network and without an app comes from a mock and
is checked when it is read, which a stream without an end never is. A fake with the client's own methods
calls `check_answer`.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from contracts.fakes.pact_index import UNCOVERED, FakeResponse, PactIndex
from contracts.pacts import Contracts

INI_OPTION = "contracts"
"""Declared in `contracts.plugin`."""
_CHECKED = {"unit", "integration"}
"""Folders of tests. In `contract` the responses are recorded, and `e2e` has no mocks."""
_FROM_APP = "contracts.from_app"
_INDEX = pytest.StashKey[PactIndex]()


class _Check:
    """The check of one test."""

    def __init__(self, index: PactIndex) -> None:
        self._index = index
        self.objections: list[str] = []

    def response(self, response: httpx.Response) -> None:
        __tracebackhide__ = True
        with suppress(RuntimeError):  # it has no request while it is made
            if _is_from_a_mock(response):
                self.answer(_as_fake_response(response))

    def answer(self, response: FakeResponse) -> None:
        __tracebackhide__ = True
        if objection := self._index.objection(response):
            self.objections.append(objection)
            # Unlike an error, this passes an `except Exception` of the app and ends the test at once.
            pytest.fail(objection)


_current: _Check | None = None


def check_answer(method: str, path: str, status: int, body: Any = None) -> None:
    """Fail the test unless an interaction covers this response of a fake."""
    __tracebackhide__ = True
    if _current is not None:
        _current.answer(FakeResponse(method=method, path=path, status=status, body=body))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    # Failures count even if they were swallowed, or raised in a task that nobody awaits.
    if _current is not None and _current.objections:
        pytest.fail(_current.objections[0], pytrace=False)
    return result


@pytest.fixture(autouse=True)
def _check_fakes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each response of a mock is covered by an interaction, or marked as a failure."""
    global _current  # noqa: PLW0603 - fakes are made anywhere, and one test runs at a time
    config = request.config
    is_on = bool(config.getini(INI_OPTION))
    if not is_on or not _CHECKED & {*request.path.relative_to(config.rootpath).parts}:
        yield
        return
    _current = check = _Check(_index(request))
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, check)
        yield
    _current = None


def committed_contracts(config: pytest.Config) -> Contracts | None:
    """The folder that pytest's option `contracts` names, relative to pyproject.toml."""
    folder = config.getini(INI_OPTION)
    return Contracts((config.rootpath / folder).resolve()) if folder else None


def _index(request: pytest.FixtureRequest) -> PactIndex:
    stash = request.session.stash
    if _INDEX not in stash:
        contracts: Contracts = request.getfixturevalue("contracts")
        stash[_INDEX] = PactIndex(contracts, request.getfixturevalue("participant"))
    return stash[_INDEX]


def _watch(patch: pytest.MonkeyPatch, check: _Check) -> None:
    # Where every response is read: respx and others replace what is below.
    read, read_async = httpx.Response.read, httpx.Response.aread
    call_app = httpx.ASGITransport.handle_async_request

    def reading(response: httpx.Response) -> bytes:
        __tracebackhide__ = True
        content = read(response)
        check.response(response)
        return content

    async def reading_async(response: httpx.Response) -> bytes:
        __tracebackhide__ = True
        content = await read_async(response)
        check.response(response)
        return content

    async def calling_app(transport: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        response = await call_app(transport, request)
        response.extensions[_FROM_APP] = True
        return response

    patch.setattr(httpx.Response, "read", reading)
    patch.setattr(httpx.Response, "aread", reading_async)
    patch.setattr(httpx.ASGITransport, "handle_async_request", calling_app)


def _is_from_a_mock(response: httpx.Response) -> bool:
    """A real response came over a network or from an app; a failure on the way has no contract."""
    return not response.extensions.keys() & {"network_stream", _FROM_APP, UNCOVERED}


def _as_fake_response(response: httpx.Response) -> FakeResponse:
    request = response.request
    try:
        body = json.loads(response.content)
    except ValueError:
        body = response.text
    return FakeResponse(
        method=request.method,
        path=request.url.path,
        status=response.status_code,
        body=body,
        headers=response.headers,
    )
