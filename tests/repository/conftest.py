"""A workspace with three services of other names than the real ones."""

import shutil
import sys
from pathlib import Path

import pytest

import workspace
from service_testing.ports import free_port

FAKE_SERVICE = Path(__file__).with_name("fake_service")
TABLES = {
    "accounts": 'token-audience = "accounts"\nissues-tokens = true',
    "orders": 'token-audience = "orders"\nconsumes = ["accounts", "stock"]\nsubscribes = ["accounts", "stock"]',
    "stock": 'token-audience = "stock"\nconsumes = ["accounts"]\ndatabase = false',
}


class MadeUp:
    """A copy of the root's files, in a folder whose name has everything that a path can have."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        for name in (
            "workspace.py",
            "run.py",
            "toxfile.py",
            "check.py",
            "Makefile",
            "constraints.txt",
        ):
            shutil.copy(workspace.ROOT / name, folder)
        (folder / "README.md").write_text(
            "# Tour\n\n```bash\nSTOCK=1 ORDERS=2\ncurl $ORDERS\n```\n"
        )
        self.ports = {name: free_port() for name in TABLES}
        for name, table in TABLES.items():
            service = folder / "services" / name
            shutil.copytree(FAKE_SERVICE, service)
            text = f"[tool.service]\nport = {self.ports[name]}\n{table}\n"
            (service / "pyproject.toml").write_text(text, encoding="utf-8")
            python = service / ".tox/run/bin/python"
            python.parent.mkdir(parents=True)
            python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            python.chmod(0o755)

    @property
    def services(self) -> list[workspace.Service]:
        return workspace.services(self.root)


@pytest.fixture
def made_up(tmp_path: Path) -> MadeUp:
    folder = tmp_path / "a b#c%41d?e"
    folder.mkdir()
    return MadeUp(folder)
