"""Health, metrics, and unknown methods and paths."""

import pytest

from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient


class TestStart:
    async def test_start_creates_the_first_signing_key(self, client: AppClient) -> None:
        """It makes the first signing key."""
        response = await client.get("/.well-known/jwks.json")
        assert len(response.json()["keys"]) == 1


class TestMetrics:
    async def test_metrics_count_requests_by_route(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        assert_status(await user_client.get("/users/123454321"), 404)
        response = await client.get("/metrics")
        assert_status(response, 200)
        assert response.headers["Content-Type"].startswith("text/plain")
        counted = 'http_requests_total{method="GET",route="/users/{user_id}",status="404"}'
        assert counted in response.text
        assert "123454321" not in response.text


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("PUT", "/users/", "POST"),
            ("POST", "/users/me", "DELETE, GET, HEAD, PATCH"),
            ("GET", "/users/me/password", "PUT"),
            ("DELETE", "/users/1", "GET, HEAD"),
            ("GET", "/auth/token", "POST"),
            ("GET", "/auth/refresh", "POST"),
            ("GET", "/auth/logout", "POST"),
            ("POST", "/admin/users/", "GET, HEAD"),
            ("PUT", "/admin/users/1", "DELETE, GET, HEAD, PATCH"),
            ("POST", "/.well-known/jwks.json", "GET, HEAD"),
            ("POST", "/health/ready", "GET, HEAD"),
        ],
    )
    async def test_wrong_method_returns_405_with_all_allowed_methods(
        self, client: AppClient, method: str, path: str, allowed: str
    ) -> None:
        response = await client.request(method, path)
        assert_error_response(response, 405, "method_not_allowed")
        assert response.headers["Allow"] == allowed

    @pytest.mark.parametrize("path", ["/", "/users", "/users/1/", "/admin/users", "/nothing"])
    async def test_unknown_path_returns_404(self, client: AppClient, path: str) -> None:
        assert_error_response(await client.get(path), 404, "not_found")
