"""Which Pythons the tests can run on."""

import subprocess
import sys
from functools import cache
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def is_installed(version: str) -> bool:
    """Whether tox would find this Python: asks uv, by which tox makes its environments."""
    if version == CURRENT:
        return True
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "python", "find", "--system", "--no-python-downloads", version]
    search = subprocess.run(command, capture_output=True, check=False)
    return search.returncode == 0
