"""Run the workflows, or the faults, in a container beside the stack: `tox -e e2e-beside -- e2e`.

`tox -e e2e` needs the stack's published port. With a Docker engine on another host, as docker:dind is, there
is none that it could reach. Leaves the JUnit report as report.xml; what comes after the name goes to pytest.
"""

import argparse
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from make_env import filled

ROOT = Path(__file__).resolve().parent.parent
_FILES = ("docker-compose.yml", "tests/e2e/compose.yml")
_REPORT = "/tmp/report.xml"  # noqa: S108 - in a container of its own
_HEALTHY_WITHIN_SECONDS = 300
_LAST_LINES = 200


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="tox -e e2e-beside --", description=__doc__)
    parser.add_argument("tests", choices=("e2e", "faults"), help="a folder in tests/")
    options, for_pytest = parser.parse_known_args(arguments)
    with TemporaryDirectory() as folder:
        variables = Path(folder) / "variables"
        # Any port: nobody asks for it.
        example = (root / ".env.example").read_text(encoding="utf-8")
        variables.write_text(f"{filled(example)}\nPUBLISH_PORT=0\n", encoding="utf-8")
        stack = Stack(root, variables)
        try:
            return stack.start() or stack.try_out(options.tests, for_pytest)
        finally:
            stack.end()


class Stack:
    """A Compose project of this run's own."""

    def __init__(self, root: Path, variables: Path) -> None:
        self._root = root
        self._name = f"e2e-{secrets.token_hex(4)}"
        self._options = [
            f"--project-name={self._name}",
            f"--env-file={variables}",
            *(f"--file={root / name}" for name in _FILES),
        ]

    def start(self) -> int:
        """The exit code; why it isn't 0 is in the log that is printed then."""
        copies = ("--scale=users=2", "--scale=items=2")
        code = self._compose(
            *("up", "--detach", "--build", "--quiet-pull", "--wait"),
            *(f"--wait-timeout={_HEALTHY_WITHIN_SECONDS}", *copies),
        )
        return code and self._say_why(code)

    def try_out(self, tests: str, options: Sequence[str]) -> int:
        """Pytest's exit code."""
        container = f"{self._name}-tests"
        pytest = [f"--rootdir=tests/{tests}", "-c", f"tests/{tests}/pytest.ini", f"tests/{tests}"]
        code = self._compose(
            *("run", "--build", f"--name={container}", "e2e", *pytest),
            *(f"--junitxml={_REPORT}", *options),
        )
        self._docker("cp", f"{container}:{_REPORT}", str(self._root / "report.xml"))
        self._docker("rm", "--force", container)
        return code and self._say_why(code)

    def end(self) -> None:
        self._compose("--profile=e2e", "down", "--volumes", "--remove-orphans", "--timeout=10")

    def _say_why(self, code: int) -> int:
        self._compose("ps", "--all")
        self._compose("logs", "--no-color", f"--tail={_LAST_LINES}")
        return code

    def _compose(self, *arguments: str) -> int:
        return self._docker("compose", *self._options, *arguments)

    def _docker(self, *arguments: str) -> int:
        return subprocess.run(["docker", *arguments], cwd=self._root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
