"""The Dockerfiles build anywhere, and from what is pinned."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from compose_file import ROOT
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DOCKERFILES = [ROOT / "Dockerfile", *sorted((ROOT / "deploy").glob("*/Dockerfile"))]
REQUIREMENTS = ROOT / "deploy/requirements"
OWN = {"service-chassis"}
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.0"}
each_image = pytest.mark.parametrize("service", ["users", "items"])


def pinned(file: Path) -> dict[str, str]:
    """The packages that a requirements file is about for the image's Python on Linux, with their versions."""
    lines = [line.rstrip(" \\") for line in file.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if re.match(r"\w", line)]
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in found
        if each.marker is None or each.marker.evaluate(environment(""))
    }


def environment(extra: str) -> dict[str, str]:
    return {**map_of(default_environment()), **IMAGE, "extra": extra}


def map_of(values: object) -> dict[str, str]:
    assert isinstance(values, dict)
    return values


def needed(service: str) -> set[str]:
    """What a service needs at run time, by what the packages that are installed here say themselves."""
    project = tomllib.loads((ROOT / f"services/{service}/pyproject.toml").read_text())["project"]
    found: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in (*project["dependencies"], "service-chassis[otel]")]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in found:
                continue
            found.add((name, extra))
            queue += [
                each
                for each in map(Requirement, requirements_of(name))
                if each.marker is None or each.marker.evaluate(environment(extra))
            ]
    return {name for name, _ in found} - OWN


def requirements_of(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_builds_without_asking_a_registry(dockerfile: Path) -> None:
    """A frontend is fetched from one, and a digest is of one registry's image."""
    text = dockerfile.read_text(encoding="utf-8")
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert "syntax=" not in text
    assert images
    assert [image for image in images if "@" in image or ":latest" in image] == []


@each_image
def test_an_image_holds_exactly_what_its_service_needs(service: str) -> None:
    """Mend it with `tox -e constraints`."""
    assert pinned(REQUIREMENTS / f"{service}.txt").keys() == needed(service)


@pytest.mark.parametrize("name", ["users", "items", "build"])
def test_an_image_has_the_versions_that_were_tested(name: str) -> None:
    """Mend it with `tox -e constraints`."""
    tested = pinned(ROOT / "constraints.txt")
    shipped = pinned(REQUIREMENTS / f"{name}.txt")
    assert shipped
    assert {name: version for name, version in shipped.items() if tested[name] != version} == {}


@pytest.mark.parametrize("name", ["users", "items", "build"])
def test_each_package_of_an_image_has_its_hash(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=\w)", text.strip())
    assert [each for each in requirements if "--hash=sha256:" not in each] == []
    assert "://" not in text
