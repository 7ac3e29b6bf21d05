"""The cost of a call as a multiple of another call's, which doesn't depend on the machine."""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service_testing.client import AppClient, app_transport

Call = Callable[[], Awaitable[Any]]

_WARM_UP = 5


async def relative_cost(call: Call, reference: Call, *, rounds: int = 30) -> float:
    """The CPU time of the call divided by that of the reference; the median of all rounds.

    Other processes, such as a database server, aren't counted.
    """
    for _ in range(_WARM_UP):
        await call()
        await reference()
    times = [(await _cpu_seconds(call), await _cpu_seconds(reference)) for _ in range(rounds)]
    return statistics.median(one / other for one, other in times)


def bare_client(answer: httpx.Response) -> AppClient:
    """A client of an app that returns this response to each GET: a reference."""

    async def give(_: Request) -> Response:
        return Response(answer.content, media_type=answer.headers["Content-Type"])

    return AppClient(app_transport(Starlette(routes=[Route("/{path:path}", give)])))


async def _cpu_seconds(call: Call) -> float:
    start = time.process_time()
    await call()
    return time.process_time() - start
