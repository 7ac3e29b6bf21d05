"""The tests beside the stack decide, and nothing of it is left."""

import os
from pathlib import Path

import pytest
import run_beside

FAKE = Path(__file__).with_name("fake_docker.sh")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").symlink_to(FAKE)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER_LOG", str(tmp_path / "calls"))
    (tmp_path / ".env.example").write_text("SECRET=\n")
    return tmp_path


def calls(root: Path) -> list[str]:
    return (root / "calls").read_text().splitlines()


def test_the_stack_is_started_tried_and_taken_down(root: Path) -> None:
    assert run_beside.main(["faults", "-k", "killed"], root) == 0

    up, run, copied, removed, down = calls(root)
    assert " up --detach --build " in up
    assert " run " in run
    assert run.endswith(
        "-c tests/faults/pytest.ini tests/faults --junitxml=/tmp/report.xml -k killed"
    )
    assert copied.endswith(f":/tmp/report.xml {root}/report.xml")
    assert removed.startswith("rm --force ")
    assert " down --volumes " in down


@pytest.mark.parametrize(
    ("variable", "is_tried"), [("FAKE_TESTS_CODE", True), ("FAKE_UP_CODE", False)]
)
def test_what_fails_is_shown_with_the_logs_and_taken_down(
    root: Path, monkeypatch: pytest.MonkeyPatch, variable: str, is_tried: bool
) -> None:
    monkeypatch.setenv(variable, "7")

    assert run_beside.main(["e2e"], root) == 7

    assert any(" logs " in call for call in calls(root))
    assert any(" run " in call for call in calls(root)) == is_tried
    assert " down --volumes " in calls(root)[-1]


def test_two_runs_have_nothing_in_common(root: Path) -> None:
    run_beside.main(["e2e"], root)
    run_beside.main(["e2e"], root)

    assert len({call.split()[1] for call in calls(root) if " up " in call}) == 2


def test_an_unknown_folder_is_a_usage_error(root: Path) -> None:
    with pytest.raises(SystemExit):
        run_beside.main(["nonesuch"], root)
