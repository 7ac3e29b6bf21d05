"""The shared packages can be published, and work where this repository isn't."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from workspace import ROOT

PACKAGES = sorted(file.parent for file in ROOT.glob("shared/*/pyproject.toml"))
README = ROOT / "shared/testing/README.md"
_STEP = re.compile(
    r"`([\w/]+\.py)`[^`]*:\n\n```python\n(.*?)^```$|^```console\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, folder: Path = ROOT, **environ: str) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist and the wheel of each package."""
    folder = tmp_path_factory.mktemp("dist")
    for package in PACKAGES:
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, package)
    return folder


def test_index_would_accept_them(distributions: Path) -> None:
    files = sorted(distributions.iterdir())
    assert len(files) == 2 * len(PACKAGES)
    run(sys.executable, "-m", "twine", "check", "--strict", *files)


def test_wheels_are_typed_and_have_their_metadata(distributions: Path) -> None:
    for wheel in distributions.glob("*.whl"):
        archive = ZipFile(wheel)
        names = archive.namelist()
        [metadata] = [archive.read(name).decode() for name in names if name.endswith("/METADATA")]
        assert any(name.endswith("/py.typed") for name in names), wheel
        assert not any(name.startswith("tests") for name in names), wheel
        for field in ("Summary", "License-Expression", "Project-URL: Repository", "Classifier"):
            assert f"\n{field}" in metadata, (wheel, field)


def test_readme_leads_from_an_empty_folder_to_green_tests(
    distributions: Path, tmp_path: Path
) -> None:
    """Step by step, as it stands there; no step may fail."""
    environment = tmp_path / "environment"
    folder = tmp_path / "empty"
    folder.mkdir()
    path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    uv = [sys.executable, "-m", "uv", "--quiet"]
    run(*uv, "venv", "--python", sys.executable, environment)
    wheels = ["--find-links", str(distributions), "--constraint", str(ROOT / "constraints.txt")]
    passed = []
    for name, text, commands in _STEP.findall(
        README.read_text().partition("### With the chassis")[0]
    ):
        if name:
            (folder / name).write_text(text)
        for line in commands.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:2] == ["pip", "install"]:
                run(
                    *uv,
                    "pip",
                    "install",
                    "--python",
                    environment / "bin/python",
                    *wheels,
                    *words[2:],
                )
            else:
                output = run(*words, "-p", "no:cacheprovider", folder=folder, PATH=path)
                assert "warning" not in output
                passed += re.findall(r"(\d+) passed", output)
    assert passed == ["1", "2", "2", "2"]
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    interpreter = str(environment / "bin/python")
    check = [sys.executable, "-m", "basedpyright", "--pythonpath", interpreter]
    assert "0 errors, 0 warnings" in run(*check, folder=folder)
