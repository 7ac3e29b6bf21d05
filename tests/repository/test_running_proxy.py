"""The proxy's configuration in a running nginx: what it publishes, its limits, and its own answers."""

import http.client
import json
import posixpath
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import pytest
from nginx import HELD, Proxy, Response, running_proxy
from stack import ROOT, SERVICES

INTERNAL = re.compile(r"/(events|internal|metrics|health)(/|$)|/docs/(?!assets/[\w.-]+$)")
UNLISTED = {"/metrics", "/docs/oauth2-redirect"}  # routes that no API description names
PAGE = f"/docs/{SERVICES[0].name}/"
"""A path that reaches a service, whichever there are."""
# What may stand between a published prefix and a route.
JOINTS = (
    *("/", "//", "/./", "/../", "/../../../", "/..//", "/x/../../", "/..;/", "/;/../", "\\..\\"),
    *("/%2e%2e/", "/.%2e/", "/%2E%2E%2F", "/..%2f", "%2f..%2f", "%2f", "/..%5c", "/..\\"),
    *("/%252e%252e/", "/%252e%252e%252f", "/%c0%ae%c0%ae/", "/%u002e%u002e/", "/..%00/"),
    *("?/../", "#/../", "/?x=/../", "%3f/../", "%23/../", ":8001/", "@", "/http://users:8001/"),
)


def routes() -> set[str]:
    """Every path of every service, with an id where it has one."""
    files = ROOT.glob("contracts/openapi/*.json")
    paths = [path for file in files for path in json.loads(file.read_text())["paths"]]
    return UNLISTED | {re.sub(r"\{\w+\}", "1", path) for path in paths}


def prefixes() -> set[str]:
    """The first parts of all routes, and what the documentation pages add."""
    pages = {f"/docs/{each.name}{end}" for each in SERVICES for end in ("", "/docs/assets")}
    return pages | {f"/{route.split('/')[1]}" for route in routes()} | {"/nothing"}


def spellings(route: str) -> set[str]:
    """Other ways to write a route, alone or before something published."""
    return {
        *(route, route.upper(), f"/{route}", f"/.{route}", f"/x/..{route}", f"/%2e{route}"),
        *(f"{route}%00", f"{route}/.", f"{route};a=b", f"/%{ord(route[1]):02x}{route[2:]}"),
        *(route.replace("/", "//"), route.replace("/", "%2f"), f"http://users:8001{route}"),
        *(f"{route}{mark}{'/..' * 4}{prefix}" for mark in ("", "%23") for prefix in prefixes()),
    }


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Without limits that tests could reach."""
    unlimited = {"PROXY_REQUESTS_PER_SECOND": "100000", "PROXY_REQUESTS_BURST": "100000"}
    with running_proxy(tmp_path_factory.mktemp("proxy"), **unlimited) as proxy:
        yield proxy


def send(connection: http.client.HTTPConnection, target: str) -> int:
    """As it is: neither `http.client` nor anything else changes or refuses it."""
    connection.putrequest("GET", "/")
    connection._buffer[0] = f"GET {target} HTTP/1.1".encode()  # type: ignore[attr-defined]
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    return response.status


def assert_error(response: Response, status: int, code: str) -> None:
    """The form of all errors, with the headers of all answers to a client that came over HTTPS."""
    assert response.status == status
    assert json.loads(response.body)["error"] == code
    assert json.loads(response.body)["request_id"] == response.headers["X-Request-ID"]
    assert response.headers["Content-Type"].startswith("application/json")
    assert_headers(response)


def assert_headers(response: Response) -> None:
    for name, value in {
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
    }.items():
        assert response.headers.get_all(name) == [value]
    [policy] = response.headers.get_all("Content-Security-Policy", [])
    assert policy.startswith("default-src 'none'")


HTTPS = {"X-Forwarded-Proto": "https"}


class TestOwnAnswers:
    @pytest.mark.parametrize("path", ["/", "/docs", "/.well-known/security.txt"])
    def test_page_can_only_be_read(self, proxy: Proxy, path: str) -> None:
        for method, body in (("GET", True), ("HEAD", False)):
            response = proxy.request(path, method, **HTTPS)
            assert (response.status, bool(response.body)) == (200, body)
            assert_headers(response)
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            refused = proxy.request(path, method, **HTTPS)
            assert_error(refused, 405, "method_not_allowed")
            assert refused.headers["Allow"] == "GET, HEAD"

    @pytest.mark.parametrize("path", ["/", PAGE, "/nothing"])
    def test_trace_returns_405(self, proxy: Proxy, path: str) -> None:
        refused = proxy.request(path, "TRACE", **HTTPS)
        assert_error(refused, 405, "method_not_allowed")
        assert "Allow" not in refused.headers

    def test_redirect_to_a_documentation_page_is_relative(self, proxy: Proxy) -> None:
        response = proxy.request(PAGE[:-1], **HTTPS)
        assert (response.status, response.headers["Location"]) == (308, PAGE)
        assert_headers(response)

    def test_range_is_ignored(self, proxy: Proxy) -> None:
        response = proxy.request("/", Range="bytes=99999-", **HTTPS)
        assert response.status == 200
        assert_headers(response)

    def test_unknown_path_returns_404(self, proxy: Proxy) -> None:
        assert_error(proxy.request("/nothing", "POST", **HTTPS), 404, "not_found")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Transfer-Encoding": "gzip"},
            {"Transfer-Encoding": "chunked", "Content-Length": "3"},
            {"Host": "two words"},
        ],
        ids=str,
    )
    def test_unreadable_request_returns_400(self, proxy: Proxy, headers: dict[str, str]) -> None:
        assert_error(proxy.request("/users/", "POST", **HTTPS, **headers), 400, "bad_request")

    def test_unknown_version_of_http_returns_400(self, proxy: Proxy) -> None:
        with closing(proxy.connect()) as connection:
            connection._http_vsn_str = "HTTP/3.0"  # type: ignore[attr-defined]
            connection.request("GET", "/")
            response = connection.getresponse()
            assert json.loads(response.read())["error"] == "bad_request"
            assert response.status == 400

    def test_large_body_returns_413_before_it_is_sent(self, proxy: Proxy) -> None:
        response = proxy.request("/users/", "POST", **HTTPS, **{"Content-Length": "99999999"})
        assert_error(response, 413, "body_too_large")


class TestPublished:
    @pytest.mark.slow
    def test_no_spelling_of_a_route_reaches_what_is_internal(self, proxy: Proxy) -> None:
        internal = {route for route in routes() if INTERNAL.match(route)}
        assert internal >= {"/health/ready", *UNLISTED}
        joined = {
            prefix + joint + route[1:]
            for prefix in prefixes()
            for joint in JOINTS
            for route in routes()
        }
        targets = sorted(joined.union(*map(spellings, routes())))
        with closing(proxy.connect()) as connection:
            statuses = [send(connection, target) for target in targets]
        print(f"{len(targets)} paths, {statuses.count(200)} reached a service")
        assert set(statuses) == {200, 308, 400, 404}
        # A service decodes a path once, and its routes are exact; one that resolves dots would be safe, too.
        paths = {unquote(re.split("[?#]", each)[0]) for each in proxy.upstream.targets}
        assert paths.isdisjoint(internal)
        resolved = {posixpath.normpath(f"/.{each}") for each in paths}
        assert [each for each in resolved if INTERNAL.match(each)] == []
        assert paths >= routes() - internal


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Proxy]:
    """Of one address: 10 requests at once, 2 writes at once, then one a second of each; 2 connections."""
    with running_proxy(
        tmp_path,
        PROXY_REQUESTS_PER_SECOND="1",
        PROXY_REQUESTS_BURST="9",
        PROXY_SIGN_INS_PER_SECOND="1",
        PROXY_SIGN_INS_BURST="1",
        PROXY_CONNECTIONS="2",
    ) as proxy:
        yield proxy


def until_refused(proxy: Proxy, path: str, method: str = "GET", **options: str) -> Response:
    """Ask again and again: the answer that isn't a 200. It didn't reach a service."""
    sent = len(proxy.upstream.targets)
    while (response := proxy.request(path, method, **HTTPS, **options)).status == 200:
        sent += 1
    assert len(proxy.upstream.targets) == sent
    return response


class TestLimits:
    def test_requests_after_the_burst_return_429(self, limited: Proxy) -> None:
        responses = [limited.request(PAGE) for _ in range(10)]
        assert [each.status for each in responses] == [200] * 10
        refused = until_refused(limited, PAGE)
        assert_error(refused, 429, "too_many_requests")
        assert refused.headers["Retry-After"] == "1"

    def test_another_address_is_not_affected(self, limited: Proxy) -> None:
        until_refused(limited, PAGE, client="203.0.113.1")
        for client in ("203.0.113.2", "2001:db8::1"):
            assert limited.request(PAGE, client=client).status == 200
        # What a client claims about itself comes first; the load balancer adds what it sees.
        until_refused(limited, PAGE, client="198.51.100.9, 203.0.113.3")
        claimed = limited.request(PAGE, client="198.51.100.10, 203.0.113.3")
        assert claimed.status == 429

    @pytest.mark.parametrize(
        "network", ["2001:db8:a:b", "a0a:a0a:0:a00"]
    )  # the last has bytes of line feeds
    def test_ipv6_network_of_one_holder_counts_as_one_address(
        self, limited: Proxy, network: str
    ) -> None:
        for number in range(10):
            assert limited.request(PAGE, client=f"{network}:{number}::1").status == 200
        assert until_refused(limited, PAGE, client=f"{network}:ffff::1").status == 429
        assert limited.request(PAGE, client=f"{network[:-1]}c::1").status == 200

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
    def test_address_from_somebody_who_is_not_trusted_does_not_count(self, limited: Proxy) -> None:
        numbers = iter(range(1, 200))
        while (
            limited.request(PAGE, client=f"203.0.113.{next(numbers)}", source="127.0.0.2").status
            == 200
        ):
            pass
        assert next(numbers) > 10
        assert limited.request(PAGE, client="203.0.113.1").status == 200

    @pytest.mark.parametrize(
        ("path", "method"),
        [
            ("/auth/token", "POST"),
            ("/users/", "POST"),
            ("/users/me", "PATCH"),
            ("/users/me/password", "PUT"),
            ("/users/me/deletion", "POST"),
        ],
    )
    def test_writes_at_users_have_a_lower_limit_than_reads(
        self, limited: Proxy, path: str, method: str
    ) -> None:
        assert limited.request(path, method).status == 200
        assert limited.request(path, method).status == 200
        assert_error(until_refused(limited, path, method), 429, "too_many_requests")
        assert limited.request("/users/me").status == 200

    def test_connections_over_the_limit_return_429(self, limited: Proxy) -> None:
        held = [
            threading.Thread(target=limited.request, args=[f"{PAGE[:-1]}{HELD}"]) for _ in range(2)
        ]
        for each in held:
            each.start()
        while len(limited.upstream.targets) < 2:
            time.sleep(0.01)
        assert_error(limited.request(PAGE, **HTTPS), 429, "too_many_requests")
        assert limited.request(PAGE, client="203.0.113.2").status == 200
        limited.upstream.release()
        for each in held:
            each.join()
        assert limited.request(PAGE).status == 200
