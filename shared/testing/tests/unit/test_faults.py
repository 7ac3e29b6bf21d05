import asyncio
import inspect

import httpx
import pytest
import respx

from service_testing.faults import (
    UNCOVERED,
    Behaviour,
    FaultyTransport,
    Held,
    answer,
    delayed,
    failure,
    malformed_json,
    refused,
    reset,
    too_many_requests,
    truncated,
    unavailable,
    uncovered,
)

HELLO = answer(json={"hello": "world"})
HTTPX_ERRORS = [
    thing for _, thing in inspect.getmembers(httpx, inspect.isclass) if issubclass(thing, Exception)
]


def client_of(*behaviours: Behaviour, timeout: float | None = 5) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=FaultyTransport(*behaviours), base_url="http://provider", timeout=timeout
    )


class TestTransport:
    async def test_each_request_gets_the_next_behaviour(self) -> None:
        transport = FaultyTransport(*[unavailable()] * 3, HELLO)
        client = httpx.AsyncClient(transport=transport, base_url="http://provider")
        statuses = [(await client.get("/")).status_code for _ in range(5)]
        assert statuses == [503, 503, 503, 200, 200]
        assert [request.method for request in transport.requests] == ["GET"] * 5

    async def test_behaviours_can_be_replaced(self) -> None:
        transport = FaultyTransport(HELLO)
        client = httpx.AsyncClient(transport=transport, base_url="http://provider")
        await client.get("/")
        transport.behave(refused(), HELLO)
        with pytest.raises(httpx.ConnectError):
            await client.get("/")
        assert (await client.get("/")).json() == {"hello": "world"}

    async def test_concurrent_requests_get_different_behaviours(self) -> None:
        client = client_of(unavailable(), too_many_requests(retry_after_seconds=1), HELLO)
        responses = await asyncio.gather(*(client.get("/") for _ in range(5)))
        assert sorted(response.status_code for response in responses) == [200, 200, 200, 429, 503]

    async def test_transport_without_a_behaviour_is_an_error(self) -> None:
        with pytest.raises(TypeError, match="at least one behaviour"):
            FaultyTransport()

    @pytest.mark.parametrize("error_class", HTTPX_ERRORS)
    async def test_failure_raises_each_exception_of_httpx(
        self, error_class: type[Exception]
    ) -> None:
        with pytest.raises(error_class) as caught:
            await client_of(failure(error_class)).get("/")
        assert str(caught.value) == f"injected: {error_class.__name__}"

    async def test_exception_has_the_request(self) -> None:
        with pytest.raises(httpx.ReadError) as caught:
            await client_of(failure(httpx.ReadError)).get("/me")
        assert caught.value.request.url == "http://provider/me"

    async def test_app_can_be_a_behaviour(self) -> None:
        app = httpx.ASGITransport(_says_hello).handle_async_request
        client = client_of(truncated(app, after_bytes=2, is_noticed=False), app)
        assert [(await client.get("/")).text for _ in range(2)] == ["he", "hello"]

    @respx.mock
    async def test_behaviour_can_be_a_side_effect_of_respx(self) -> None:
        respx.get("http://provider/").mock(side_effect=truncated(HELLO, after_bytes=3))
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("http://provider/")


class TestAnswers:
    async def test_answer_that_no_contract_covers_is_marked(self) -> None:
        assert UNCOVERED in (await client_of(uncovered(text="a proxy's")).get("/")).extensions
        assert UNCOVERED not in (await client_of(HELLO).get("/")).extensions

    async def test_unavailable_is_a_503_without_json(self) -> None:
        response = await client_of(unavailable()).get("/")
        assert response.status_code == 503
        with pytest.raises(ValueError, match="Expecting value"):
            response.json()

    async def test_too_many_requests_has_retry_after(self) -> None:
        response = await client_of(too_many_requests(retry_after_seconds=7)).get("/")
        assert (response.status_code, response.headers["Retry-After"]) == (429, "7")

    async def test_malformed_json_has_the_media_type_of_json(self) -> None:
        response = await client_of(malformed_json()).get("/")
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
        with pytest.raises(ValueError, match="Expecting value"):
            response.json()


class TestDelay:
    async def test_delay_within_the_time_out_is_no_failure(self) -> None:
        response = await client_of(delayed(HELLO, seconds=29), timeout=30).get("/")
        assert response.status_code == 200

    async def test_delayed_service_gets_the_request(self) -> None:
        async def echo(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, text=request.url.path)

        assert (await client_of(delayed(echo, seconds=1)).get("/me")).text == "/me"

    async def test_delay_is_no_failure_for_a_client_without_a_time_out(self) -> None:
        client = client_of(delayed(HELLO, seconds=1e9), timeout=None)
        assert (await client.get("/")).status_code == 200

    async def test_held_requests_wait_until_they_are_released(self) -> None:
        held = Held(HELLO)
        call = asyncio.create_task(client_of(held).get("/"))
        await held.until_asked()
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
        assert caught.value.request.url == "http://provider/"

    @pytest.mark.parametrize("spoil", [reset, truncated])
    async def test_cut_beyond_the_end_is_an_error(self, spoil: type) -> None:
        with pytest.raises(ValueError, match="can't be cut after 99"):
            await client_of(spoil(HELLO, after_bytes=99)).get("/")


async def _says_hello(scope: object, receive: object, send: object) -> None:
    assert callable(send)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
