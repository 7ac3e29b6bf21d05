"""Tokens in a service's own name: shared by callers, renewed in time, used while the issuer is unavailable."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from chassis.auth.service_tokens import ServiceTokens, TokenRefused
from chassis.http.guarded_calls import CallGivenUp, CallPolicy

LIFETIME_SECONDS = 100


class Issuer:
    """Gives a new token for each request, until it is unavailable or refuses."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.status = 200
        self.now = 0.0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await asyncio.sleep(0)
        token = f"token-{len(self.requests)}"
        body = {"access_token": token, "token_type": "bearer", "expires_in": LIFETIME_SECONDS}
        return httpx.Response(self.status, json=body)

    def tokens(self, audience: str | None = None, scopes: tuple[str, ...] = ()) -> ServiceTokens:
        http = httpx.AsyncClient(base_url="http://issuer", transport=httpx.MockTransport(self))
        return ServiceTokens(
            http,
            CallPolicy(attempts=1),
            client_id="shop",
            secret=SecretStr("s:3"),
            audience=audience,
            scopes=scopes,
            clock=lambda: self.now,
        )


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


async def test_request_names_client_audience_and_scopes(issuer: Issuer) -> None:
    await issuer.tokens("stock", ("stock:read", "stock:write")).get()
    (request,) = issuer.requests
    assert str(request.url) == "http://issuer/auth/token"
    assert request.headers["Authorization"] == httpx.BasicAuth("shop", "s%3A3")._auth_header
    assert request.content == (
        b"grant_type=client_credentials&audience=stock&scope=stock%3Aread+stock%3Awrite"
    )


async def test_registered_audience_and_scopes_need_no_name(issuer: Issuer) -> None:
    await issuer.tokens().get()
    assert issuer.requests[0].content == b"grant_type=client_credentials"


async def test_many_callers_share_one_request_and_its_token(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    assert set(await asyncio.gather(*(tokens.get() for _ in range(20)))) == {"token-1"}
    assert len(issuer.requests) == 1


@pytest.mark.parametrize(("age", "token"), [(79, "token-1"), (80, "token-2")])
async def test_token_is_renewed_before_it_expires(issuer: Issuer, age: int, token: str) -> None:
    tokens = issuer.tokens()
    await tokens.get()
    issuer.now = age
    assert await tokens.get() == token


async def test_old_token_is_used_until_it_expires_while_the_issuer_is_unavailable(
    issuer: Issuer,
) -> None:
    tokens = issuer.tokens()
    await tokens.get()
    issuer.status, issuer.now = 503, LIFETIME_SECONDS - 1
    assert await tokens.get() == "token-1"
    issuer.now = LIFETIME_SECONDS
    with pytest.raises(CallGivenUp, match="status 503"):
        await tokens.get()


async def test_discarded_token_is_replaced_once(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    old = await tokens.get()
    tokens.discard(old)
    assert await tokens.get() == "token-2"
    tokens.discard(old)  # by another caller, late
    assert await tokens.get() == "token-2"


async def test_cancelled_caller_does_not_fail_the_others(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    first, second = (asyncio.create_task(tokens.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "token-1"


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_refusal_has_the_status(issuer: Issuer, status: int) -> None:
    issuer.status = status
    with pytest.raises(TokenRefused, match=f"answers {status}"):
        await issuer.tokens().get()


@pytest.mark.parametrize(
    "body", [[], {"access_token": "x"}, {"access_token": "x", "expires_in": 0}]
)
async def test_response_without_a_token_and_its_lifetime_is_a_refusal(body: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    http = httpx.AsyncClient(base_url="http://issuer", transport=transport)
    tokens = ServiceTokens(http, CallPolicy(), client_id="shop", secret=SecretStr("s"))
    with pytest.raises(TokenRefused, match="answers 200"):
        await tokens.get()
