"""The relative cost of calls whose ratio is known."""

import httpx
import pytest

from service_testing.relative_cost import Call, bare_client, relative_cost


def busy(steps: int) -> Call:
    async def call() -> None:
        sum(range(steps))

    return call


@pytest.mark.parametrize("times", [1, 20])
async def test_relative_cost_is_the_multiple_of_the_work(times: int) -> None:
    found = await relative_cost(busy(times * 100_000), busy(100_000))
    assert times / 2 < found < times * 2


async def test_bare_client_returns_the_same_response_for_each_path() -> None:
    client = bare_client(httpx.Response(200, json={"id": 7}))
    answer = await client.get("/items/7?size=1")
    assert (answer.status_code, answer.json()) == (200, {"id": 7})
    assert answer.headers["Content-Type"] == "application/json"
