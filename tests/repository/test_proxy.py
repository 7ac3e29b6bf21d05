"""The proxy publishes what the services' locations name, and nothing internal."""

import re
from datetime import datetime
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from stack import ROOT, SERVICES, STACK, each_service

from workspace import Service

LOCATION = re.compile(r"^location (?P<kind>=|~) (?P<pattern>\S+) \{", re.MULTILINE)
INTERNAL = ("/metrics", "/health/ready", "/events/", "/internal/users/", "/docs", "/openapi.json")


def locations_text(service: Service) -> str:
    file = service.folder / f"deploy/{service.name}.locations.conf"
    return file.read_text(encoding="utf-8")


def _python(service: Service) -> str:
    """Python and PCRE read the patterns in the same way, except for the names of groups."""
    return locations_text(service).replace("(?<", "(?P<")


def is_published(service: Service, path: str) -> bool:
    found = LOCATION.finditer(_python(service))
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


@pytest.mark.parametrize(
    "path", ["/auth/token", "/auth/x", "/users/", "/users/me", "/users/me/password"]
)
def test_location_whose_requests_cost_a_password_hash_is_limited(path: str) -> None:
    location = re.compile(r"^location (=|~) (\S+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
    bodies = [
        body
        for service in SERVICES
        for kind, pattern, body in location.findall(_python(service))
        if (path == pattern if kind == "=" else re.search(pattern, path))
    ]
    assert bodies
    assert all("include conf.d/sign_ins.conf;" in body for body in bodies)


def test_every_variable_of_a_template_has_a_default() -> None:
    templates = (ROOT / "deploy/proxy").glob("*.template")
    used = set(re.findall(r"\$\{(\w+)\}", "".join(map(Path.read_text, templates))))
    environment = STACK["services"]["proxy"]["environment"]
    assert used == environment.keys()
    assert all(re.fullmatch(rf"\$\{{{name}:-[1-9][\d./]*\}}", environment[name]) for name in used)


def test_nobody_is_trusted_by_default() -> None:
    value = STACK["services"]["proxy"]["environment"]["PROXY_TRUSTED"]
    network = IPv4Network(value.removeprefix("${PROXY_TRUSTED:-").removesuffix("}"))
    assert network.subnet_of(IPv4Network("192.0.2.0/24"))  # nobody has such an address (RFC 5737)


def test_security_txt_has_a_contact_and_one_end() -> None:
    """RFC 9116, sections 2.5.3 and 2.5.5."""
    text = (ROOT / "deploy/proxy/security.txt").read_text(encoding="utf-8")
    [expires] = re.findall(r"^Expires: (\S+)$", text, re.MULTILINE)
    assert re.search(r"^Contact: (mailto:[^@\s]+@|https://|tel:)\S+$", text, re.MULTILINE)
    assert datetime.fromisoformat(expires).tzinfo


def test_security_txt_is_published_by_the_proxy_itself() -> None:
    text = (ROOT / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    [file] = re.findall(r"location = /\.well-known/security\.txt \{\s+alias (\S+);", text)
    recipe = (ROOT / "deploy/proxy/Dockerfile").read_text(encoding="utf-8")
    folder = str(Path(file).parent)
    assert re.search(rf"^COPY .*deploy/proxy/{Path(file).name} {folder}/$", recipe, re.MULTILINE)


def test_everything_else_is_404() -> None:
    text = (ROOT / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    assert re.search(r"location / \{\s+return 404;", text)
    assert not re.search(r"^\s*proxy_pass ", text, re.MULTILINE)
