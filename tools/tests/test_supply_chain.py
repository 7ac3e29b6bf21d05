"""The gates of what we ship and depend on fail when they must, and never pass for lack of an answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import check_advisories
import check_secrets
import pytest
from running import TOOLS

ROOT = TOOLS.parent
FINE = {"name": "fine", "version": "1", "vulns": []}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found on PyPI"}
VULNERABLE = {
    "name": "bad",
    "version": "1",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"], "aliases": [], "description": ""}],
}
# In pieces, so that it isn't found in this file.
KEY = "AKIA" + "IOSFODNN7" + "EXAMPLF"


def audited(*packages: dict[str, Any]) -> list[str]:
    """A pip-audit that has this to say."""
    answer = json.dumps({"dependencies": packages})
    return [sys.executable, "-c", f"print({answer!r})"]


class TestAudit:
    @pytest.mark.parametrize(
        ("packages", "code"),
        [
            ([FINE], check_advisories.EXIT_PASSED),
            ([FINE, VULNERABLE], check_advisories.EXIT_FOUND),
            ([VULNERABLE, SKIPPED], check_advisories.EXIT_FOUND),
            ([FINE, SKIPPED], check_advisories.EXIT_NOT_ASKED),
            ([], check_advisories.EXIT_NOT_ASKED),
        ],
    )
    def test_only_an_answer_for_each_package_passes(
        self, packages: list[dict[str, Any]], code: int
    ) -> None:
        assert check_advisories.main([Path("pins.txt")], audited(*packages)) == code

    def test_a_finding_says_where_it_is_mended(self, capsys: pytest.CaptureFixture[str]) -> None:
        check_advisories.main([Path("pins.txt")], audited(VULNERABLE))

        assert "pins.txt: bad has PYSEC-1, which is mended in: 2" in capsys.readouterr().out

    def test_an_audit_that_breaks_off_is_no_answer(self) -> None:
        broken = [sys.executable, "-c", "raise SystemExit('no network')"]

        assert check_advisories.main([Path("pins.txt")], broken) == check_advisories.EXIT_NOT_ASKED


class TestSecrets:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        (tmp_path / "settings.py").write_text("URL = 'https://example.org'\n")
        assert check_secrets.main(["--update"], tmp_path) == 0
        return tmp_path

    def test_nothing_new_passes(self, root: Path) -> None:
        assert check_secrets.main([], root) == 0

    def test_a_key_is_found_and_not_shown(
        self, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (root / "settings.py").write_text(f"NAME = 'me'\nACCESS = '{KEY}'\n")

        assert check_secrets.main([], root) == 1
        out = capsys.readouterr().out
        assert "settings.py:2: AWS Access Key" in out
        assert KEY not in out

    def test_what_was_looked_at_is_known_wherever_it_moves(self, root: Path) -> None:
        (root / "settings.py").write_text(f"ACCESS = '{KEY}'\n")
        check_secrets.main(["--update"], root)
        (root / "settings.py").write_text(f"# Moved.\n\nACCESS = '{KEY}'\n")

        assert check_secrets.main([], root) == 0


class TestLicences:
    def run(self, folder: Path, settings: str) -> "subprocess.CompletedProcess[str]":
        (folder / "pyproject.toml").write_text(settings)
        program = Path(sys.executable).with_name("pip-licenses")
        command = [str(program), "--packages", "pytest", "pluggy"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def test_a_licence_that_is_not_in_the_list_is_refused(self, tmp_path: Path) -> None:
        settings = (ROOT / "pyproject.toml").read_text()
        assert self.run(tmp_path, settings).returncode == 0

        without_mit = "\n".join(line for line in settings.splitlines() if line != "MIT;\\")
        assert without_mit != settings.rstrip("\n")
        refused = self.run(tmp_path, without_mit)
        assert refused.returncode == 1
        assert "MIT" in refused.stderr
