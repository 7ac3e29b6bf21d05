"""docs/operations.md has each setting as the code reads it."""

import re
import subprocess
import sys

import pytest
from running import TOOLS

ROOT = TOOLS.parent
DOCUMENT = ROOT / "docs/operations.md"


def printed(service: str) -> str:
    """Each service in an interpreter of its own: both are called `app`."""
    command = [sys.executable, str(TOOLS / "settings_table.py")]
    folder = ROOT / "services" / service
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout


def documented(service: str) -> str:
    pattern = rf"<!-- settings of {service} -->\n(.*?)<!-- end -->"
    [found] = re.findall(pattern, DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.mark.parametrize("service", ["users", "items"])
def test_the_settings_are_those_that_the_code_reads(service: str) -> None:
    """Mend it with `tox -e settings`."""
    assert documented(service) == printed(service)


@pytest.mark.parametrize("service", ["users", "items"])
def test_each_setting_is_explained(service: str) -> None:
    rows = printed(service).splitlines()[2:]
    assert len(rows) > 20
    assert [row for row in rows if row.endswith("| None |")] == []
