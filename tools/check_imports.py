"""Check each service's layers. They are checked apart, because both are called `app`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("services/users", "services/items")


def main() -> int:
    return max([_check(ROOT / folder) for folder in SERVICES])


def _check(folder: Path) -> int:
    print(f"{folder.relative_to(ROOT)}:", flush=True)
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
