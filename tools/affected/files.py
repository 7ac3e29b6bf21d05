"""What git says of the repository's files."""

import subprocess
from pathlib import Path


class GitFailed(Exception):
    """git doesn't know what was asked for. The text is its own."""


def tracked_files(root: Path) -> list[str]:
    """Each path relative to the root; those that are new and not ignored, too."""
    return _lines(root, "ls-files", "--cached", "--others", "--exclude-standard")


def changed_files(root: Path, since: str) -> list[str]:
    """What differs from where this branch left `since`, committed or not; both names of a renamed file.

    Raises:
        GitFailed: there is no such commit, or none in common.
    """
    [base] = _lines(root, "merge-base", since, "HEAD")
    changed = _lines(root, "diff", "--name-only", "--no-renames", base)
    new = _lines(root, "ls-files", "--others", "--exclude-standard")
    return sorted({*changed, *new})


def _lines(root: Path, *arguments: str) -> list[str]:
    # Without quotePath git would write a name beyond ASCII in octal.
    command = ["git", "-c", "core.quotePath=false", *arguments]
    run = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)
    if run.returncode != 0:
        raise GitFailed(run.stderr.strip() or f"git {' '.join(arguments)} found nothing.")
    return run.stdout.splitlines()
