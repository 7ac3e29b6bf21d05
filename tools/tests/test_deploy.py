"""A deployment asks first, and the tag follows what really runs."""

import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

import deploy
import pytest
from contract_gate import deployment
from contract_gate.deployment import Answer
from contract_gate.services import GateFailed

COMMAND = {"DEPLOY_COMMAND": 'echo "$SERVICE $REVISION" >> ran', "PATH": "/usr/bin:/bin"}


def git(root: Path, *arguments: str) -> str:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    run = subprocess.run(
        ["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    root.mkdir()
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(root, "init", "-q")
    git(root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(root, "commit", "-qm", "First", "--allow-empty")
    git(root, "tag", "deployed/users")
    git(root, "push", "-q", "origin", "deployed/users")
    git(root, "commit", "-qm", "Second", "--allow-empty")
    return root


def deployed_on_origin(root: Path) -> str:
    return git(root.parent / "origin.git", "rev-parse", "deployed/users")


def answering(monkeypatch: pytest.MonkeyPatch, *answers: bool) -> None:
    def fake(together: Collection[str]) -> Iterator[Answer]:
        assert together == ["users"]
        yield from (Answer(is_yes, f"answer: {is_yes}") for is_yes in answers)

    monkeypatch.setattr(deployment, "answers", fake)


def test_after_the_command_the_tag_is_moved_where_others_see_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, True, True)

    assert deploy.main(["users"], COMMAND, root) == 0

    head = git(root, "rev-parse", "HEAD")
    assert (root / "ran").read_text() == f"users {head}\n"
    assert deployed_on_origin(root) == head


def test_a_no_stops_everything(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, True, False)

    assert deploy.main(["users"], COMMAND, root) == 1
    assert not (root / "ran").exists()
    assert deployed_on_origin(root) == git(root, "rev-parse", "HEAD~1")


def test_what_cannot_be_answered_is_no_yes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(_: Collection[str]) -> Iterator[Answer]:
        raise GateFailed("There is no tag.")

    monkeypatch.setattr(deployment, "answers", fake)

    assert deploy.main(["users"], COMMAND, root) == 1
    assert not (root / "ran").exists()


def test_a_command_that_fails_leaves_the_tag(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, True)

    assert deploy.main(["users"], {**COMMAND, "DEPLOY_COMMAND": "false; true"}, root) == 1
    assert deployed_on_origin(root) == git(root, "rev-parse", "HEAD~1")


def test_a_tag_that_cannot_be_pushed_is_told_with_the_mend(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, True)
    git(root, "remote", "set-url", "origin", str(root / "nowhere"))

    assert deploy.main(["users"], COMMAND, root) == 1
    assert "git push --force origin" in capsys.readouterr().err


def test_without_a_command_nothing_is_said_to_be_deployed(root: Path) -> None:
    assert deploy.main(["users"], {}, root) == 2
    assert deployed_on_origin(root) == git(root, "rev-parse", "HEAD~1")
