"""The Dockerfiles build anywhere, from pinned requirements, and name no service."""

import re
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from stack import ROOT, SERVICES, each_service

import workspace
from workspace import Service

DOCKERFILES = [ROOT / "Dockerfile", *sorted((ROOT / "deploy").glob("*/Dockerfile"))]
REQUIREMENTS = [
    ROOT / "deploy/requirements/build.txt",
    ROOT / "deploy/requirements/tox.txt",
    *(service.folder / "deploy/requirements.txt" for service in SERVICES),
]
OWN = {"service-chassis"}
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


def installed(service: Service) -> dict[str, Distribution]:
    """What is installed in the service's own environment."""
    [folder] = service.python.parents[1].glob("lib/python*/site-packages")
    return {canonicalize_name(each.name): each for each in distributions(path=[str(folder)])}


def needed(service: Service) -> set[str]:
    """What a service needs in the image, by what the installed packages declare."""
    available = installed(service)
    project = tomllib.loads((service.folder / "pyproject.toml").read_text(encoding="utf-8"))
    found: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in project["project"]["dependencies"]]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in found:
                continue
            found.add((name, extra))
            texts = available[name].requires if name in available else []
            requirements = map(Requirement, texts or [])
            queue += [each for each in requirements if applies(each, extra)]
    return {name for name, _ in found} - OWN


def applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**IMAGE, "extra": extra})


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_dockerfile_needs_no_registry_of_its_own(dockerfile: Path) -> None:
    """A `# syntax=` frontend is fetched from a registry. Renovate adds digests to names with a tag and no variable."""
    text = dockerfile.read_text(encoding="utf-8")
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert "syntax=" not in text
    assert images
    assert [image for image in images if "$" in image] == []
    with_digest = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
    assert [image for image in images if "@" in image and not with_digest.fullmatch(image)] == []
    assert [image for image in images if ":latest" in image] == []


@pytest.mark.timeout(300)
@each_service
def test_image_has_exactly_what_its_service_needs(service: Service) -> None:
    """If it fails, run `make constraints`."""
    assert workspace.install() == 0
    assert pinned(service.folder / "deploy/requirements.txt").keys() == needed(service)


@each_requirements
def test_versions_are_those_that_are_tested(file: Path) -> None:
    """If it fails, run `make constraints`."""
    tested = pinned(ROOT / "constraints.txt")
    shipped = pinned(file)
    assert shipped
    assert {name: version for name, version in shipped.items() if tested[name] != version} == {}


@each_requirements
def test_package_of_an_image_or_a_pipeline_has_its_hash(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=\w)", text.strip())
    assert [each for each in requirements if "--hash=sha256:" not in each] == []
    assert "://" not in text
