"""Check the types of every package, each in a run of its own: two of them are called `app`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The folder of each package, and where its modules are imported from (pytest's `pythonpath`).
PACKAGES = {
    "shared/chassis": ("src", "."),
    "shared/contracts": ("src", "tests"),
    "shared/testing": ("src", "tests"),
    "services/users": (".",),
    "services/items": (".",),
    "tests/e2e": ("../..",),
    "bench": ("..",),
    "tools": (".", "tests", "tests/stack"),
}


def main() -> int:
    return max([_check(ROOT / folder, bases) for folder, bases in PACKAGES.items()])


def _check(folder: Path, bases: tuple[str, ...]) -> int:
    print(f"{folder.relative_to(ROOT)}: ", end="", flush=True)
    config = str(ROOT / "pyproject.toml")
    # One cache for all: what is dear to look at is the libraries, which they share.
    cache = str(ROOT / ".mypy_cache")
    command = [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", cache, "."]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(bases)}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
