"""The proxy is the only entry, and distributes the load."""

from functools import partial

import pytest

import workspace
from service_testing.assertions import assert_error_response, assert_status
from tests.e2e.clients import ApiClient
from tests.e2e.compose import ComposeService, ComposeStack
from tests.e2e.stack import Stack, wait_for

pytestmark = pytest.mark.only_on("compose", reason="local processes have no proxy")


@pytest.mark.parametrize(
    "path",
    [
        "/events/",
        "/internal/users/",
        "/metrics",
        "/health/ready",
        "/health/live",
        "/openapi.json",
    ],
)
def test_internal_routes_are_not_published(anonymous: ApiClient, path: str) -> None:
    assert_error_response(anonymous.users.get(path), 404, "not_found")
    assert_error_response(anonymous.users.post(path, json={}), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/users/%2e%2e/internal/users/",
        "/users/..%2finternal/users/",
        "/users/..%2fmetrics",
        "//internal/users/",
    ],
)
def test_no_path_spelling_reaches_an_internal_route(
    stack: Stack, anonymous: ApiClient, path: str
) -> None:
    assert_error_response(anonymous.users.get(f"{stack.users.url}{path}"), 404, "not_found")


@pytest.mark.parametrize("service", [each.name for each in workspace.services()])
def test_proxy_serves_the_docs_page_of_each_service(anonymous: ApiClient, service: str) -> None:
    page = anonymous.users.get(f"/docs/{service}/")
    assert_status(page, 200)
    assert "text/html" in page.headers["Content-Type"]
    assert_status(anonymous.users.head(f"/docs/{service}/"), 200)
    assert f'href="/docs/{service}/"' in anonymous.users.get("/").text
    description = anonymous.users.get(f"/docs/{service}/openapi.json")
    assert description.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in anonymous.users.get("/.well-known/jwks.json").headers


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/", "text/html; charset=utf-8"), ("/nothing.html", "application/json")],
)
def test_answers_of_the_proxy_itself_have_a_type_and_a_content_policy(
    anonymous: ApiClient, path: str, content_type: str
) -> None:
    headers = anonymous.users.get(path).headers
    assert headers["Content-Type"] == content_type
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert f"{directive} 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/", "/nothing", "/docs/users"])
def test_hsts_is_sent_if_a_trusted_load_balancer_was_reached_over_https(
    anonymous: ApiClient, path: str
) -> None:
    """Of a service, of the proxy's index and of its errors."""
    over_https = anonymous.users.get(path, headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" in over_https.headers
    assert "Strict-Transport-Security" not in anonymous.users.get(path).headers


def test_proxy_distributes_requests_over_all_copies(stack: Stack, anonymous: ApiClient) -> None:
    assert isinstance(stack, ComposeStack)
    for service in stack.services:
        sent = [f"{service.name}-share-{number}" for number in range(40)]
        for request_id in sent:
            headers = {"X-Request-ID": request_id}
            assert_status(anonymous.users.get(service.public_path, headers=headers), 200)
        wait_for(partial(_are_logged, service, sent), "all requests to be logged")
        # By chance, one of two copies gets fewer than 5 of 40 requests once in ten million runs.
        assert min(_shares(service, sent)) >= (5 if len(service.copies) > 1 else 40)


def _shares(service: ComposeService, request_ids: list[str]) -> list[int]:
    """The number of these requests that each copy has logged."""
    logs = [copy.logs().decode() for copy in service.copies]
    return [sum(f'"{each}"' in log for each in request_ids) for log in logs]


def _are_logged(service: ComposeService, request_ids: list[str]) -> bool:
    return sum(_shares(service, request_ids)) == len(request_ids)
