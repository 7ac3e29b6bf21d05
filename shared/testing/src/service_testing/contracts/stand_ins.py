"""Holds the stand-ins of unit and integration tests to the contracts: respx, transports and fakes.

Whatever httpx's clients get without a network, and without an app, is a stand-in's answer: it is
looked at where it arrives. A fake that has the client's own methods says what it `gives`.
"""

import json
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest

from service_testing.categories import category
from service_testing.contracts.pact_files import Contracts
from service_testing.contracts.promises import Answer, Promises
from service_testing.faults import UNPROMISED
from service_testing.service import ServiceUnderTest

INI_OPTION = "contracts"
"""Declared in `service_testing.plugin`."""
_CATEGORIES = ("unit", "integration")
"""In `contract` the answers are what is being promised; `e2e` has no stand-ins."""
_OF_AN_APP = "service_testing.of_an_app"
_PROMISES = pytest.StashKey[Promises]()


class _Check:
    """Of one test."""

    def __init__(self, promises: Promises) -> None:
        self._promises = promises
        self.objections: list[str] = []

    def answer(self, answer: Answer) -> None:
        __tracebackhide__ = True
        if objection := self._promises.objection(answer):
            self.objections.append(objection)
            # Unlike an error, this passes an `except Exception` of the app and ends the test at once.
            pytest.fail(objection)


_current: _Check | None = None


def gives(method: str, path: str, status: int, body: Any = None) -> None:
    """Fail the test unless an interaction covers this: what a fake's answer is over HTTP."""
    __tracebackhide__ = True
    if _current is not None:
        _current.answer(Answer(method=method, path=path, status=status, body=body))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    # What was raised where nobody waits for it, or swallowed, counts all the same.
    if _current is not None and _current.objections:
        pytest.fail(_current.objections[0], pytrace=False)
    return result


@pytest.fixture(autouse=True)
def _stand_ins(request: pytest.FixtureRequest) -> Iterator[None]:
    """What stand-ins answer here is promised, or marked as a failure."""
    global _current  # noqa: PLW0603 - a fake is made anywhere, and there is one test at a time
    if not request.config.getini(INI_OPTION) or category(request.path) not in _CATEGORIES:
        yield
        return
    _current = check = _Check(_promises(request))
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, check)
        yield
    _current = None


def committed_contracts(config: pytest.Config) -> Contracts | None:
    """The folder that the option `contracts` of pytest names, beside pyproject.toml."""
    folder = config.getini(INI_OPTION)
    return Contracts((config.rootpath / folder).resolve()) if folder else None


def _promises(request: pytest.FixtureRequest) -> Promises:
    stash = request.session.stash
    if _PROMISES not in stash:
        contracts: Contracts = request.getfixturevalue("contracts")
        service: ServiceUnderTest = request.getfixturevalue("service")
        stash[_PROMISES] = Promises(contracts, service.name)
    return stash[_PROMISES]


def _watch(patch: pytest.MonkeyPatch, check: _Check) -> None:
    # At the clients, above all transports: respx answers below those that httpx makes itself.
    send, send_async = httpx.Client.send, httpx.AsyncClient.send
    ask_app = httpx.ASGITransport.handle_async_request

    def sending(client: httpx.Client, *args: Any, **options: Any) -> httpx.Response:
        __tracebackhide__ = True
        response = send(client, *args, **options)
        for each in filter(_is_of_a_stand_in, (*response.history, response)):
            each.read()
            check.answer(_as_answer(each))
        return response

    async def sending_async(
        client: httpx.AsyncClient, *args: Any, **options: Any
    ) -> httpx.Response:
        __tracebackhide__ = True
        response = await send_async(client, *args, **options)
        for each in filter(_is_of_a_stand_in, (*response.history, response)):
            await each.aread()
            check.answer(_as_answer(each))
        return response

    async def asking_app(transport: httpx.ASGITransport, request: httpx.Request) -> httpx.Response:
        response = await ask_app(transport, request)
        response.extensions[_OF_AN_APP] = True
        return response

    patch.setattr(httpx.Client, "send", sending)
    patch.setattr(httpx.AsyncClient, "send", sending_async)
    patch.setattr(httpx.ASGITransport, "handle_async_request", asking_app)


def _is_of_a_stand_in(response: httpx.Response) -> bool:
    """A real answer came over a network, or from an app; and a failure on the way is nobody's."""
    return not response.extensions.keys() & {"network_stream", _OF_AN_APP, UNPROMISED}


def _as_answer(response: httpx.Response) -> Answer:
    request = response.request
    try:
        body = json.loads(response.content)
    except ValueError:
        body = response.text
    return Answer(
        method=request.method,
        path=request.url.path,
        status=response.status_code,
        body=body,
        headers=response.headers,
    )
