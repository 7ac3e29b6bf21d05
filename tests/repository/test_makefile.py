"""The Makefile, with a fake Python."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workspace import ROOT

FAKE_PYTHON = Path(__file__).with_name("fake_python.sh")
NAMES = ("python3", "python3.13", "python3.12", "python3.11")
NEW_ENVIRONMENT = "-m venv --clear --without-pip .tox/bootstrap"
INSTALL_UV = (
    "-m pip --python .tox/bootstrap/bin/python install --quiet --disable-pip-version-check"
    " --require-hashes -r .tox/bootstrap/uv.txt"
)
INSTALL_TOX = (
    "pip install --quiet --python .tox/bootstrap/bin/python --require-hashes"
    " -r deploy/requirements/tox.txt"
)


class Checkout:
    """The files that `make` needs, on a machine with no Python but fake ones."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        folder.mkdir()
        programs.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "deploy/requirements").mkdir(parents=True)
        (folder / "deploy/requirements/tox.txt").touch()
        (folder / "constraints.txt").touch()
        for name in (*NAMES, "uv"):  # like the shim of a version manager that has no such version
            self.add_program(name, "#!/bin/sh\nexit 127\n")

    def install_python(self, name: str) -> None:
        self.add_program(name, FAKE_PYTHON.read_text())

    def add_program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}{os.pathsep}{os.defpath}"
        return subprocess.run(
            ["/usr/bin/env", "make", *arguments],
            cwd=self.folder,
            env={"PATH": path, "CALLS": str(self.programs / "calls"), **environ},
            check=False,
            capture_output=True,
            text=True,
        )

    def take_calls(self) -> list[str]:
        """How Python was called since the last time, apart from questions about itself."""
        notes = self.programs / "calls"
        calls = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return [call for call in calls if not call.startswith("-c")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a b#c%41d?e'f", tmp_path / "programs")


def test_make_alone_lists_every_target(checkout: Checkout) -> None:
    listed = re.findall(r"^  make (\S+) +\S", checkout.make().stdout, re.MULTILINE)

    makefile = (checkout.folder / "Makefile").read_text()
    assert listed == re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE)


class TestInterpreter:
    def test_broken_shim_is_skipped(self, checkout: Checkout) -> None:
        checkout.install_python("python3.12")

        assert checkout.make("run").stdout == "Preparing tox with python3.12 ...\nrunning\n"

    @pytest.mark.parametrize("environ", [{}, {"PYTHON": "python3.9"}])
    def test_missing_python_is_named_with_the_fix(
        self, checkout: Checkout, environ: dict[str, str]
    ) -> None:
        done = checkout.make("run", **environ)

        name = environ.get("PYTHON", "python3")
        assert f"{name} is no Python 3.11 or newer that can make environments." in done.stderr
        assert done.returncode != 0

    def test_missing_venv_module_is_found(self, checkout: Checkout) -> None:
        checkout.install_python("python3.11")

        done = checkout.make("run", VENV_EXIT="1")
        assert "its package python3-venv" in done.stderr


class TestPreparation:
    @pytest.fixture(autouse=True)
    def python(self, checkout: Checkout) -> None:
        checkout.install_python("python3")

    def test_uv_of_the_user_installs_tox(self, checkout: Checkout) -> None:
        checkout.add_program("uv", FAKE_PYTHON.read_text())
        checkout.make("run")

        assert checkout.take_calls()[:3] == [NEW_ENVIRONMENT, "--version", INSTALL_TOX]

    def test_uv_is_installed_by_its_hashes_when_there_is_none(self, checkout: Checkout) -> None:
        checkout.make("run")

        assert checkout.take_calls()[:4] == [
            NEW_ENVIRONMENT,
            "-m pip --version",
            INSTALL_UV,
            INSTALL_TOX,
        ]

    def test_python_without_pip_makes_one(self, checkout: Checkout) -> None:
        checkout.make("run", PIP_EXIT="1")

        assert checkout.take_calls()[2:5] == ["-m ensurepip", INSTALL_UV, INSTALL_TOX]

    def test_second_run_prepares_nothing(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.make("run")

        assert checkout.take_calls() == ["workspace.py install", "run.py"]

    def test_service_is_removed_by_its_name(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.make("remove-service", "NAME=items", "FORCE=yes")

        assert checkout.take_calls() == ["remove_service.py items yes"]

    @pytest.mark.parametrize(("pins", "is_prepared"), [("tox==4\n", True), ("", False)])
    def test_changed_pins_are_installed(
        self, checkout: Checkout, pins: str, is_prepared: bool
    ) -> None:
        """Pins that a checkout has only written again aren't installed."""
        checkout.make("run")
        checkout.take_calls()
        made = (checkout.folder / ".tox/bootstrap/.ready").stat().st_mtime
        (checkout.folder / "constraints.txt").write_text(pins)
        os.utime(checkout.folder / "constraints.txt", (made + 1, made + 1))
        checkout.make("run")

        assert (NEW_ENVIRONMENT in checkout.take_calls()) is is_prepared

    @pytest.mark.parametrize(("target", "option"), [("dev", "--reload"), ("demo", "--demo")])
    def test_dev_and_demo_are_runs_with_an_option(
        self, checkout: Checkout, target: str, option: str
    ) -> None:
        checkout.make(target)

        assert checkout.take_calls()[-2:] == ["workspace.py install", f"run.py {option}"]

    def test_another_python_creates_everything_again(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.install_python("python3.13")
        checkout.make("run", PYTHON="python3.13")

        assert NEW_ENVIRONMENT in checkout.take_calls()

    def test_moved_checkout_creates_everything_again(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved checkout"))
        checkout.make("run")

        assert NEW_ENVIRONMENT in checkout.take_calls()


def test_clean_removes_environments_and_caches_and_keeps_the_data(checkout: Checkout) -> None:
    for name in (".tox", "services/orders/.pytest_cache", "data/.tox", "services/orders/app"):
        (checkout.folder / name).mkdir(parents=True)
    checkout.make("clean")

    left = {str(path.relative_to(checkout.folder)) for path in checkout.folder.rglob("*")}
    assert {"data/.tox", "services/orders/app"} <= left
    assert not {".tox", "services/orders/.pytest_cache"} & left
