"""What is in an image: a CycloneDX bill of the Python packages that it really has."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from images.build import BuildFailed, Image, output, run

PACKAGES = "/opt/venv/lib/python3.13/site-packages"


def write_bill(root: Path, image: Image, file: Path) -> None:
    """Copy the packages out of the image into an environment, and describe that.

    Of Debian's packages in the base image it says nothing.

    Raises:
        BuildFailed: there are none, or they can't be described.
    """
    with TemporaryDirectory() as folder:
        python = _environment_of(root, image, Path(folder))
        run(
            *(sys.executable, "-m", "cyclonedx_py", "environment"),
            *("--pyproject", str(root / "services" / image.service / "pyproject.toml")),
            *("--output-reproducible", "--output-format=JSON", f"--output-file={file}"),
            str(python),
            folder=root,
        )


def _environment_of(root: Path, image: Image, folder: Path) -> Path:
    """The interpreter of a new environment with the image's packages."""
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin/python"
    [place] = environment.glob("lib/python*/site-packages")
    container = output("docker", "create", image.name, folder=root)
    try:
        run("docker", "cp", "--quiet", f"{container}:{PACKAGES}/.", str(place), folder=root)
    finally:
        output("docker", "rm", "--force", container, folder=root)
    if not list(place.glob("*.dist-info")):
        raise BuildFailed(f"{image.name} has no packages in {PACKAGES}.")
    return python
