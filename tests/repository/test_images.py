"""The Dockerfiles build anywhere, from pinned requirements, and name no service."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from stack import ROOT, SERVICES
from workspace import Service

DOCKERFILES = [ROOT / "Dockerfile", *sorted((ROOT / "deploy").glob("*/Dockerfile"))]
REQUIREMENTS = [
    ROOT / "deploy/requirements/build.txt",
    *(service.folder / "deploy/requirements.txt" for service in SERVICES),
]
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""}
each_requirements = pytest.mark.parametrize(
    "file", REQUIREMENTS, ids=lambda file: str(file.relative_to(ROOT))
)


def pinned(file: Path) -> dict[str, str]:
    """The packages of a requirements file for the image's Python on Linux, with their versions."""
    lines = [line.rstrip(" \\") for line in file.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if re.match(r"\w", line)]
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in found
        if each.marker is None or each.marker.evaluate(IMAGE)
    }


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_dockerfile_needs_no_registry_of_its_own(dockerfile: Path) -> None:
    """A `# syntax=` frontend is fetched from a registry; a digest names one registry's image."""
    text = dockerfile.read_text(encoding="utf-8")
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert "syntax=" not in text
    assert images
    assert [image for image in images if "@" in image or ":latest" in image] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_shared_files_name_no_service(service: Service) -> None:
    for file in (*DOCKERFILES, *(ROOT / "deploy").rglob("*.*"), ROOT / ".env.example"):
        text = file.read_text(encoding="utf-8")
        for name in (f"services/{service.name}", service.prefix, f"{service.name}-db"):
            assert name not in text, file


@each_requirements
def test_image_has_the_versions_that_are_tested(file: Path) -> None:
    """If it fails, run `make constraints`."""
    tested = pinned(ROOT / "constraints.txt")
    shipped = pinned(file)
    assert shipped
    assert {name: version for name, version in shipped.items() if tested[name] != version} == {}


@each_requirements
def test_package_of_an_image_has_its_hash(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=\w)", text.strip())
    assert [each for each in requirements if "--hash=sha256:" not in each] == []
    assert "://" not in text
