"""The proxy publishes what the services' locations name, and nothing internal."""

import re

import pytest
from stack import ROOT, each_service

from workspace import Service

LOCATION = re.compile(r"^location (?P<kind>=|~) (?P<pattern>\S+) \{", re.MULTILINE)
INTERNAL = ("/metrics", "/health/ready", "/events/", "/internal/users/", "/docs", "/openapi.json")


def locations_text(service: Service) -> str:
    file = service.folder / f"deploy/{service.name}.locations.conf"
    return file.read_text(encoding="utf-8")


def is_published(service: Service, path: str) -> bool:
    """Python and PCRE read these patterns in the same way, except for the names of groups."""
    found = LOCATION.finditer(locations_text(service).replace("(?<", "(?P<"))
    return any(
        path == each["pattern"] if each["kind"] == "=" else re.search(each["pattern"], path)
        for each in found
    )


@each_service
def test_service_is_published(service: Service) -> None:
    text = locations_text(service)
    assert is_published(service, f"/{service.name}/")
    assert len(LOCATION.findall(text)) == len(re.findall(r"^location ", text, re.MULTILINE))
    upstreams = set(re.findall(r"set \$service (\S+);", text))
    assert upstreams == {f"{service.name}:{service.port}"}


@each_service
def test_documentation_is_published_as_page_description_and_assets(service: Service) -> None:
    docs = f"/docs/{service.name}"
    for path in ("", "/", "/openapi.json", "/docs/assets/swagger-ui.css"):
        assert is_published(service, docs + path)
    internal = [path for path in INTERNAL if path != "/openapi.json"]
    for path in (*internal, "/docs/assets/../../metrics", "/docs/assets/a/b", "//metrics", "x"):
        assert not is_published(service, docs + path)


@each_service
@pytest.mark.parametrize("path", INTERNAL)
def test_internal_path_is_not_published(service: Service, path: str) -> None:
    assert not is_published(service, path)


def test_everything_else_is_404() -> None:
    text = (ROOT / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    assert re.search(r"location / \{\s+return 404;", text)
    assert not re.search(r"^\s*proxy_pass ", text, re.MULTILINE)
