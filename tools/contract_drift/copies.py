"""Copies of the checkout, in which edits are made: this one, and its git, are left alone."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

from contract_drift.edits import Edit, WrongTable

_SERVICES = ("users", "items")
_moments = itertools.count(1_700_000_000)


class Copy:
    """A copy that can be edited, and be as it was."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._originals: dict[Path, str] = {}

    def apply(self, edit: Edit) -> None:
        """Raises:
        WrongTable: a text isn't there exactly once.
        """
        for each in edit.replacements:
            path = self.root / each.file
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            if (count := text.count(each.old)) != 1:
                raise WrongTable(
                    f"{edit.id}: {each.file} has this {count} times, not once. Mend the table.\n"
                    f"{each.old}"
                )
            self._originals.setdefault(path, text)
            _write(path, text.replace(each.old, each.new))

    @property
    def has_other_contracts(self) -> bool:
        return bool(
            _git(self.root, "status", "--porcelain", "contracts/pacts", "contracts/openapi")
        )

    def restore(self) -> None:
        for path, text in self._originals.items():
            _write(path, text)
        self._originals.clear()
        _git(self.root, "checkout", "--quiet", "--force", ".")


def copy_checkout(checkout: Path, folder: Path) -> Copy:
    """What is or could be committed, as a repository in which both services are deployed as they are."""
    names = _git(checkout, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, names.split("\0")):
        if (checkout / name).is_file():  # else it is deleted, and not yet committed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkout / name, folder / name)
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all", "--force")
    who = ("-c", "user.name=drift", "-c", "user.email=drift@example.com")
    _git(folder, *who, "commit", "--quiet", "--no-verify", "--message", "As it is deployed")
    for service in _SERVICES:
        _git(folder, "tag", f"deployed/{service}")
    return Copy(folder)


def another(copy: Copy, folder: Path) -> Copy:
    shutil.copytree(copy.root, folder)
    return Copy(folder)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # Python believes a compiled module by its source's size and second: none has the same twice.
    moment = next(_moments)
    os.utime(path, (moment, moment))


def _git(folder: Path, *arguments: str) -> str:
    # A hook's variables would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    run = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    if run.returncode != 0:
        raise OSError(f"git {arguments[0]} in {folder}: {run.stderr}")
    return run.stdout
