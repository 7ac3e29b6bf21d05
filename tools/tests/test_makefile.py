"""The Makefile and the script that makes the first environment, with a stand-in for Python."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import TOOLS

FAKE_PYTHON = Path(__file__).with_name("fake_python.sh")
NAMES = ("python3", "python3.13", "python3.12", "python3.11")


class Checkout:
    """A copy of the files that `make` needs, on a machine with Pythons of our making."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        (folder / "tools").mkdir(parents=True)
        programs.mkdir()
        shutil.copy(TOOLS.parent / "Makefile", folder)
        shutil.copy(TOOLS / "bootstrap.sh", folder / "tools")
        for name in ("constraints.txt", "tox.ini"):
            (folder / name).touch()
        for name in NAMES:
            self.break_python(name)

    def break_python(self, name: str) -> None:
        """Like the shim of a version manager that has no such version."""
        self.add_program(name, "#!/bin/sh\nexit 127\n")

    def install_python(self, name: str) -> None:
        self.add_program(name, FAKE_PYTHON.read_text())

    def add_program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{self.programs}{os.pathsep}{os.defpath}",
            "CALLS": str(self.programs / "calls"),
            "REAL_PYTHON": sys.executable,
            **environ,
        }
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )

    def take_calls(self) -> list[str]:
        """What Python was asked for since the last time."""
        notes = self.programs / "calls"
        calls = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return [call for call in calls if call.startswith("-m") or call.endswith("run.py")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout", tmp_path / "programs")


class TestHelp:
    def test_make_alone_lists_every_target(self, checkout: Checkout) -> None:
        listed = re.findall(r"^  make (\S+) +\S", checkout.make().stdout, re.MULTILINE)

        makefile = (checkout.folder / "Makefile").read_text()
        assert listed == re.findall(r"^\.PHONY: ([a-z]+)$", makefile, re.MULTILINE)


class TestInterpreter:
    def test_a_broken_shim_is_passed_over(self, checkout: Checkout) -> None:
        checkout.install_python("python3.12")

        assert checkout.make("run").stdout.endswith("running\n")

    def test_without_a_python_the_need_is_told(self, checkout: Checkout) -> None:
        assert checkout.make("run").stderr.startswith(
            "Python 3.11 or newer is needed, and none of python3 python3.13 python3.12 python3.11 "
            "is one that runs; install it, or name it: PYTHON=python3.14 make ...\n"
        )

    def test_a_missing_venv_module_is_told_with_the_package(self, checkout: Checkout) -> None:
        checkout.install_python("python3.11")
        version = f"{sys.version_info.major}.{sys.version_info.minor}"

        assert checkout.make("run", VENV_EXIT="1").stderr.startswith(
            "python3.11 lacks its venv module; install it "
            f"(on Debian and Ubuntu: apt install python{version}-venv) and try again.\n"
        )

    def test_a_wrong_choice_is_told(self, checkout: Checkout) -> None:
        checkout.install_python("python3")

        assert checkout.make("run", PYTHON="python3.9").stderr.startswith(
            "PYTHON=python3.9 is not a Python 3.11 or newer that runs; "
        )


class TestPreparation:
    @pytest.fixture(autouse=True)
    def python(self, checkout: Checkout) -> None:
        checkout.install_python("python3")

    def test_a_second_run_starts_at_once(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.make("run")

        [call] = checkout.take_calls()
        assert call.endswith("tools/run.py")

    def test_changed_pins_are_installed(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        made = (checkout.folder / ".tox/run/.ready").stat().st_mtime
        os.utime(checkout.folder / "tox.ini", (made + 1, made + 1))
        checkout.make("run")

        assert "-m tox --quiet -e run --notest --recreate" in checkout.take_calls()

    def test_a_failed_preparation_is_repeated(self, checkout: Checkout) -> None:
        assert checkout.make("run", TOX_EXIT="1").returncode != 0
        checkout.take_calls()

        assert checkout.make("run").stdout.endswith("running\n")
        assert "-m tox --quiet -e run --notest --recreate" in checkout.take_calls()

    def test_another_python_makes_everything_anew(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.install_python("python3.13")
        checkout.make("run", PYTHON="python3.13")

        assert "-m venv --clear .tox/bootstrap" in checkout.take_calls()

    def test_a_moved_checkout_makes_everything_anew(self, checkout: Checkout) -> None:
        checkout.make("run")
        checkout.take_calls()
        checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved checkout"))
        checkout.make("run")

        assert "-m venv --clear .tox/bootstrap" in checkout.take_calls()


class TestClean:
    def test_environments_and_caches_go_and_the_data_stays(self, checkout: Checkout) -> None:
        for name in (".tox", "services/users/.pytest_cache", "data/.tox", "services/users/app"):
            (checkout.folder / name).mkdir(parents=True)
        checkout.make("clean")

        left = {str(path.relative_to(checkout.folder)) for path in checkout.folder.rglob("*")}
        assert {"data/.tox", "services/users/app"} <= left
        assert not {".tox", "services/users/.pytest_cache"} & left
