import httpx
import pytest

from chassis.http.client import service_client
from chassis.web.context import RequestContext, current_context

CONTEXT = RequestContext(request_id="r-1", trace_id="a" * 32, span_id="b" * 16, trace_flags="01")


class FakeService(httpx.MockTransport):
    """Answers every call with a redirect, and records the calls."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.calls: list[httpx.Request] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})


async def test_call_has_the_ids_of_the_current_request() -> None:
    other = FakeService()
    async with service_client("http://accounts", timeout_seconds=1, transport=other) as client:
        token = current_context.set(CONTEXT)
        await client.get("/users/1")
        current_context.reset(token)
        await client.get("/users/1")
    inside, outside = other.calls
    assert inside.headers["X-Request-ID"] == "r-1"
    assert inside.headers["traceparent"] == CONTEXT.traceparent
    assert not {"x-request-id", "traceparent"} & set(outside.headers)


async def test_redirect_is_not_followed() -> None:
    other = FakeService()
    async with service_client("http://accounts", timeout_seconds=1, transport=other) as client:
        assert (await client.get("/users/1")).status_code == 302
    assert [str(call.url) for call in other.calls] == ["http://accounts/users/1"]


async def test_proxy_settings_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "not a url")
    async with service_client("http://accounts", timeout_seconds=1.5) as client:
        assert client.timeout == httpx.Timeout(1.5)
