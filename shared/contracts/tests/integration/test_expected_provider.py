"""What a consumer's test declares is what its client sends, and what the pact and the provider get."""

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from starlette.responses import Response as Answer
from starlette.types import Receive, Scope, Send

from contracts.consumer import ExpectedProvider, Request, Response
from contracts.pacts import Contracts, Interaction
from contracts.provider.harness import serving_harness
from contracts.provider.states import ProviderStates
from contracts.provider.verification import verify

JSON = '{"a": 1, "b": "x, y"}'
HEADERS = {"X-Json": JSON, "X-List": '["a"]', "X-Empty-Text": '""', "X-Number": "7"}
QUERY = {"tag": ["a", "b"], "filter": JSON, "ids": "[1]", "page": "7", "on": "true"}


@pytest.fixture
def recorded() -> list[Interaction]:
    return []


@pytest.fixture
def shop(tmp_path: Any, recorded: list[Interaction]) -> ExpectedProvider:
    (tmp_path / "states.toml").write_text("[shop]\n")
    return ExpectedProvider(
        Contracts(tmp_path), consumer="hatter", provider="shop", test="t", record=recorded.append
    )


def ask(
    shop: ExpectedProvider,
    send: Callable[[httpx.Client], Any],
    request: Request | None = None,
) -> None:
    request = request or Request(method="GET", path="/hats/7", headers={"Accept": "text/html"})
    response = Response(status=204)
    with (
        shop.answers("hats", given=[], request=request, response=response) as url,
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        send(client)


class TestRequest:
    async def test_any_text_in_query_and_headers_reaches_the_provider(
        self, shop: ExpectedProvider, recorded: list[Interaction]
    ) -> None:
        request = Request(method="GET", path="/hats", query=QUERY, headers=HEADERS)
        ask(shop, lambda client: client.get("/hats", params=QUERY, headers=HEADERS), request)
        seen: list[Scope] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)
            await Answer(status_code=204)(scope, receive, send)

        async with serving_harness(app) as harness:
            assert (await verify(recorded[0], harness, ProviderStates())).mismatches == []
        query = parse_qs(seen[0]["query_string"].decode())
        assert query == {k: v if isinstance(v, list) else [v] for k, v in QUERY.items()}
        headers = {name.decode(): value.decode() for name, value in seen[0]["headers"]}
        assert {name: headers[name.lower()] for name in HEADERS} == HEADERS

    @pytest.mark.parametrize(
        ("send", "message"),
        [
            (
                lambda client: client.get("/caps"),
                "  sent       GET /caps\n  not sent   GET /hats/7",
            ),
            (lambda client: None, "  not sent   GET /hats/7"),
            (
                lambda client: client.get("/hats/7", headers={"Accept": "*/*"}),
                "  sent       GET /hats/7\n  differs    ",
            ),
            (
                lambda client: client.get("/hats/7", headers={"Accept": "text/html", "Range": "b"}),
                "  undeclared GET /hats/7 has the header `range: b`: add it to the `Request`",
            ),
            (
                lambda client: client.request(
                    "GET", "/hats/7", headers={"Accept": "text/html"}, content=iter([b"x"])
                ),
                "  undeclared GET /hats/7 has a body: add it to the `Request`",
            ),
        ],
        ids=["another path", "nothing", "another header", "one more header", "a body"],
    )
    def test_another_request_fails_with_the_difference_only(
        self,
        shop: ExpectedProvider,
        recorded: list[Interaction],
        send: Callable[[httpx.Client], Any],
        message: str,
    ) -> None:
        def parse(client: httpx.Client) -> None:
            response = send(client)
            if response is not None and response.status_code != 204:
                raise ValueError("a consequence")

        with pytest.raises(pytest.fail.Exception) as raised:
            ask(shop, parse)
        lines = str(raised.value).splitlines()
        assert lines[0] == "hatter doesn't send what its test expects: `hats`"
        assert message in str(raised.value)
        assert raised.value.__suppress_context__
        assert recorded == []

    def test_error_of_the_client_is_raised_if_the_request_is_as_expected(
        self, shop: ExpectedProvider
    ) -> None:
        def send(client: httpx.Client) -> None:
            client.get("/hats/7", headers={"Accept": "text/html"})
            raise ValueError("of the client")

        with pytest.raises(ValueError, match="of the client"):
            ask(shop, send)

    def test_each_request_of_a_connection_is_checked(self, shop: ExpectedProvider) -> None:
        """With another client than httpx."""
        request = Request(method="POST", path="/hats", body={"a": 1})

        def send(client: httpx.Client) -> None:
            connection = http.client.HTTPConnection(client.base_url.netloc.decode())
            for more in ({}, {"X-More": "1"}):
                headers = {"Content-Type": "application/json", **more}
                connection.request("POST", "/hats", body='{"a": 1}', headers=headers)
                assert connection.getresponse().read() == b""
            connection.close()

        with pytest.raises(pytest.fail.Exception, match="has the header `x-more: 1`"):
            ask(shop, send, request)
