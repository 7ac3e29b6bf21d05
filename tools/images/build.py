"""Builds a service's image, named by the commit."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

DEFAULT_PREFIX = "microservices"


class BuildFailed(Exception):
    """The text says what failed; the program's own output stands above it."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image in the engine: `name` with its tag, and the digest of what was built."""

    service: str
    name: str
    digest: str
    commit: str


def build(root: Path, service: str, environ: Mapping[str, str]) -> Image:
    """`IMAGE_PREFIX` is what the name begins with, as in docker-compose.yml.

    Raises:
        BuildFailed: the checkout isn't a commit, or the engine can't build it.
    """
    commit = _commit(root)
    name = f"{environ.get('IMAGE_PREFIX') or DEFAULT_PREFIX}-{service}:{commit}"
    arguments = (f"--build-arg=SERVICE={service}", f"--build-arg=REVISION={commit}")
    with TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        run(
            *("docker", "buildx", "build", "--load", "--progress=plain", *arguments),
            *("--tag", name, "--metadata-file", str(metadata), "."),
            folder=root,
        )
        digest = json.loads(metadata.read_text())["containerimage.digest"]
    return Image(service=service, name=name, digest=digest, commit=commit)


def _commit(root: Path) -> str:
    """An image is told by its commit, so nothing may be in it that the commit hasn't."""
    changed = output("git", "status", "--porcelain", folder=root)
    if changed:
        raise BuildFailed(f"Commit first. An image of this wouldn't be what it says:\n{changed}")
    return output("git", "rev-parse", "HEAD", folder=root)


def run(*command: str, folder: Path) -> None:
    """Raises `BuildFailed` when it fails."""
    if subprocess.run(command, cwd=folder, check=False).returncode:
        raise BuildFailed(f"Failed: {' '.join(command)}")


def output(*command: str, folder: Path) -> str:
    """Raises `BuildFailed` when it fails."""
    result = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise BuildFailed(f"Failed: {' '.join(command)}")
    return result.stdout.strip()
