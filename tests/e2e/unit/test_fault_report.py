"""The table and the file of the faults have the same figures."""

import json
from pathlib import Path

from tests.e2e.faults.report import Figures, save, table

ROW = Figures(
    fault="users killed",
    sent=120,
    failed=3,
    lost_writes=0,
    outage_seconds=1.24,
    recovery_seconds=0.0,
    convergence_seconds=0.5,
)


def test_each_fault_is_a_line_below_the_headings() -> None:
    heading, line = table([ROW]).splitlines()
    assert heading.split() == (
        ["fault", "sent", "failed", "lost", "outage", "s", "recovery", "s", "convergence", "s"]
    )
    assert line.split() == ["users", "killed", "120", "3", "0", "1.2", "0.0", "0.5"]


def test_the_file_has_the_figures_by_name(tmp_path: Path) -> None:
    save([ROW], tmp_path / "faults.json")
    (saved,) = json.loads((tmp_path / "faults.json").read_text())
    assert Figures(**saved) == ROW
