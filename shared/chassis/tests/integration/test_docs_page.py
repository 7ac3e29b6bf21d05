"""`/docs`: a page that needs no other host, with a policy that enforces it."""

import base64
import hashlib
import re

import httpx
import pytest
from tests.example.app import client_of, client_of_app, create_app

from service_testing.assertions import assert_error_response

CLIENT = client_of()


@pytest.fixture
async def page() -> httpx.Response:
    response = await CLIENT.get("/docs")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return response


def policy_of(page: httpx.Response) -> dict[str, list[str]]:
    directives = (part.split() for part in page.headers["Content-Security-Policy"].split("; "))
    return {name: sources for name, *sources in directives}


async def test_page_names_no_other_host(page: httpx.Response) -> None:
    assert not re.findall(r"""(?:https?:)?//[^\s"']+""", page.text)


async def test_assets_of_the_page_are_served(page: httpx.Response) -> None:
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    addresses = [address for address in loaded if not address.startswith("data:")]
    assert len(addresses) == 2
    for address in addresses:
        response = await CLIENT.get(f"/{address}")
        assert response.status_code == 200
        assert len(response.content) > 10_000
        assert response.headers["Cache-Control"] == "public, max-age=86400"


async def test_root_leads_to_the_page() -> None:
    response = await CLIENT.get("/")
    assert (response.status_code, response.headers["Location"]) == (307, "docs")


async def test_description_of_the_page_is_served(page: httpx.Response) -> None:
    found = re.search(r"url: '(.*?)'", page.text)
    assert found is not None
    assert (await CLIENT.get(f"/{found[1]}")).json()["info"]["title"] == "Notes"


async def test_page_asks_people_for_no_client(page: httpx.Response) -> None:
    bundle = (await CLIENT.get("/docs/assets/swagger-ui-bundle.js")).text
    hidden = re.findall(r"#(\w+)", page.text.partition("</head>")[0])
    assert hidden == ["password_type", "client_id_password", "client_secret_password"]
    for part in ("password_type", "client_id_${", "client_secret_${", '"wrapper"'):
        assert part in bundle


async def test_policy_allows_only_the_script_of_the_page(page: httpx.Response) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy_of(page)["script-src"] == ["'self'", f"'sha256-{digest}'"]
    assert not re.findall(r"\son\w+=", page.text)


async def test_policy_allows_only_calls_of_its_own_service(page: httpx.Response) -> None:
    policy = policy_of(page)
    assert policy["default-src"] == ["'none'"]
    assert policy["connect-src"] == ["'self'"]
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert policy[directive] == ["'none'"]


async def test_policy_allows_calls_of_named_services() -> None:
    origins = ("http://127.0.0.1:8001", "https://accounts.example")
    app = create_app(docs_connect_to=origins)
    page = await client_of_app(app).get("/docs")
    assert policy_of(page)["connect-src"] == ["'self'", *origins]


@pytest.mark.parametrize("path", ["/docs/assets/nothing.js", "/docs/assets/", "/docs/assets/../x"])
async def test_unknown_asset_is_a_404(path: str) -> None:
    assert (await CLIENT.get(path)).status_code == 404


async def test_page_stores_no_token(page: httpx.Response) -> None:
    assert "persistAuthorization" not in page.text


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/docs/assets/swagger-ui.css"])
async def test_documentation_can_be_turned_off(path: str) -> None:
    response = await client_of_app(create_app(docs=False)).get(path)
    assert_error_response(response, 404, "not_found")


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
async def test_other_pages_of_the_framework_are_not_served(path: str) -> None:
    assert (await CLIENT.get(path)).status_code == 404
