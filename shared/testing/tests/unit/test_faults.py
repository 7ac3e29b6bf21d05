import asyncio
import inspect

import httpx
import pytest
import respx

from service_testing.faults import (
    UNPROMISED,
    Behaviour,
    FaultyTransport,
    Held,
    answer,
    delayed,
    failure,
    malformed_json,
    refused,
    reset,
    timed_out,
    too_many_requests,
    truncated,
    unavailable,
    unpromised,
)

HELLO = answer(json={"hello": "world"})
HTTPX_ERRORS = [
    thing for _, thing in inspect.getmembers(httpx, inspect.isclass) if issubclass(thing, Exception)
]


def client_of(*behaviours: Behaviour, timeout: float | None = 5) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=FaultyTransport(*behaviours), base_url="http://neighbour", timeout=timeout
    )


class TestTransport:
    async def test_recovers_after_its_failures(self) -> None:
        transport = FaultyTransport(*[unavailable()] * 3, HELLO)
        client = httpx.AsyncClient(transport=transport, base_url="http://neighbour")
        statuses = [(await client.get("/")).status_code for _ in range(5)]
        assert statuses == [503, 503, 503, 200, 200]
        assert [request.method for request in transport.requests] == ["GET"] * 5

    async def test_changes_its_behaviour_in_the_middle(self) -> None:
        transport = FaultyTransport(HELLO)
        client = httpx.AsyncClient(transport=transport, base_url="http://neighbour")
        await client.get("/")
        transport.behave(refused(), HELLO)
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
        assert (await client.get("/")).json() == {"hello": "world"}

    async def test_gives_requests_that_come_at_once_a_turn_each(self) -> None:
        client = client_of(unavailable(), too_many_requests(retry_after_seconds=1), HELLO)
        responses = await asyncio.gather(*(client.get("/") for _ in range(5)))
        assert sorted(response.status_code for response in responses) == [200, 200, 200, 429, 503]

    async def test_of_no_behaviour_is_a_mistake(self) -> None:
        with pytest.raises(TypeError, match="at least one behaviour"):
            FaultyTransport()

    @pytest.mark.parametrize("error_class", HTTPX_ERRORS)
    async def test_raises_each_exception_of_httpx(self, error_class: type[Exception]) -> None:
        with pytest.raises(error_class) as caught:
            await client_of(failure(error_class)).get("/")
        assert str(caught.value) == f"injected: {error_class.__name__}"

    async def test_an_exception_knows_the_request_that_failed(self) -> None:
        with pytest.raises(httpx.ReadError) as caught:
            await client_of(failure(httpx.ReadError)).get("/me")
        assert caught.value.request.url == "http://neighbour/me"

    async def test_of_an_app_spoils_the_answers_of_the_app(self) -> None:
        app = httpx.ASGITransport(_says_hello).handle_async_request
        client = client_of(truncated(app, after_bytes=2, is_noticed=False), app)
        assert [(await client.get("/")).text for _ in range(2)] == ["he", "hello"]

    @respx.mock
    async def test_behaviours_reach_a_client_that_takes_no_transport(self) -> None:
        respx.get("http://neighbour/").mock(side_effect=truncated(HELLO, after_bytes=3))
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("http://neighbour/")


class TestAnswers:
    async def test_an_answer_that_nobody_promises_is_marked(self) -> None:
        assert UNPROMISED in (await client_of(unpromised(text="a proxy's")).get("/")).extensions
        assert UNPROMISED not in (await client_of(HELLO).get("/")).extensions

    async def test_unavailable_is_a_503_that_is_no_json(self) -> None:
        response = await client_of(unavailable()).get("/")
        assert response.status_code == 503
        with pytest.raises(ValueError, match="Expecting value"):
            response.json()

    async def test_too_many_requests_says_when_to_come_back(self) -> None:
        response = await client_of(too_many_requests(retry_after_seconds=7)).get("/")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")

    async def test_malformed_json_calls_itself_json(self) -> None:
        response = await client_of(malformed_json()).get("/")
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
        with pytest.raises(ValueError, match="Expecting value"):
            response.json()


class TestDelay:
    async def test_within_the_time_out_is_no_failure(self) -> None:
        response = await client_of(delayed(HELLO, seconds=29), timeout=30).get("/")
        assert response.status_code == 200

    async def test_the_delayed_neighbour_gets_the_request(self) -> None:
        async def echo(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, text=request.url.path)

        assert (await client_of(delayed(echo, seconds=1)).get("/me")).text == "/me"

    async def test_beyond_the_time_out_is_one_at_once(self) -> None:
        async with asyncio.timeout(5):
            with pytest.raises(httpx.ReadTimeout):
                await client_of(delayed(HELLO, seconds=31), timeout=30).get("/")

    async def test_is_no_failure_for_a_client_that_waits_for_ever(self) -> None:
        client = client_of(delayed(HELLO, seconds=1e9), timeout=None)
        assert (await client.get("/")).status_code == 200

    async def test_held_requests_wait_until_they_are_released(self) -> None:
        held = Held(HELLO)
        call = asyncio.create_task(client_of(held).get("/"))
        await held.is_asked.wait()
        assert not call.done()
        held.release()
        assert (await call).json() == {"hello": "world"}


class TestBrokenBodies:
    async def test_reset_comes_after_the_bytes(self) -> None:
        client = client_of(reset(HELLO, after_bytes=4))
        async with client.stream("GET", "/") as response:
            chunks = response.aiter_raw()
            assert await anext(chunks) == b'{"he'
            with pytest.raises(httpx.ReadError) as caught:
                await anext(chunks)
        assert caught.value.request.url == "http://neighbour/"

    async def test_truncation_without_a_length_is_only_seen_in_the_body(self) -> None:
        response = await client_of(truncated(HELLO, after_bytes=4, is_noticed=False)).get("/")
        assert response.text == '{"he'
        assert "Content-Length" not in response.headers

    @pytest.mark.parametrize("spoil", [reset, truncated])
    async def test_a_cut_beyond_the_end_is_a_mistake(self, spoil: type) -> None:
        with pytest.raises(ValueError, match="can't be cut after 99"):
            await client_of(spoil(HELLO, after_bytes=99)).get("/")


async def test_timed_out_is_any_of_the_time_outs_of_httpx() -> None:
    with pytest.raises(httpx.PoolTimeout):
        await client_of(timed_out(httpx.PoolTimeout)).get("/")


async def _says_hello(scope: object, receive: object, send: object) -> None:
    assert callable(send)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
