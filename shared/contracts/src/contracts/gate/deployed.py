"""What is deployed: the git tags `deployed/<service>`, or `deployed/<environment>/<service>`."""

import json
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from contracts.errors import ContractError
from contracts.gate.workspace import Workspace
from contracts.openapi.conformance import Description


@dataclass(frozen=True)
class Deployments:
    workspace: Workspace
    environment: str = ""
    """Where: empty if there is only one environment."""

    def tag_of(self, service: str) -> str:
        return "/".join(part for part in ("deployed", self.environment, service) if part)

    def is_deployed(self, service: str) -> bool:
        """Whether its tag exists. Without a tag it needs a bootstrap entry that has not expired.

        Raises:
            ContractError: it has neither. A missing tag must not count as "not deployed".
        """
        if self._git("rev-parse", "--verify", "--quiet", f"{self.tag_of(service)}^{{commit}}"):
            return True
        bootstrap = self.workspace.bootstrap
        expires: dict[str, date] = {}
        if bootstrap.is_file():
            expires = tomllib.loads(bootstrap.read_text(encoding="utf-8"))
        if service not in expires:
            raise ContractError(
                f"There is no tag {self.tag_of(service)}. Fetch the tags. If {service} was never "
                f"deployed, add it with an expiry date to {bootstrap}."
            )
        if expires[service] < datetime.now(UTC).date():
            raise ContractError(
                f"There is no tag {self.tag_of(service)}, and the entry of {service} in {bootstrap} "
                f"expired on {expires[service]}. Set the tag to what is deployed."
            )
        return False

    def revision_of(self, service: str) -> str:
        """A short hash with its day, for people."""
        return self._described(f"{self.tag_of(service)}^{{commit}}")

    def revision(self) -> str:
        """As `revision_of`, for the checkout."""
        changes = " with uncommitted changes" if self._git("status", "--porcelain") else ""
        return self._described("HEAD") + changes

    def commit(self) -> str:
        """The full hash of the checkout."""
        return (self._git("rev-parse", "HEAD") or "").strip()

    def description(self, service: str) -> Description | None:
        """The deployed OpenAPI description; None if that version has none."""
        text = self.file_at(service, self.workspace.descriptions / f"{service}.json")
        return json.loads(text) if text else None

    def file_at(self, service: str, path: Path) -> str | None:
        """A file as it is at the service's tag; None if it doesn't exist there."""
        relative = path.relative_to(self.workspace.root)
        return self._git("show", f"{self.tag_of(service)}:./{relative}")

    def check_out(self, service: str, folder: Path) -> None:
        """Make the folder a worktree at the service's tag; untracked files stay.

        Raises:
            ContractError: git fails.
        """
        self._git("worktree", "prune")
        if (folder / ".git").exists():
            arguments = ["-C", str(folder), "checkout", "--quiet", "--force", "--detach"]
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            arguments = ["worktree", "add", "--quiet", "--force", "--detach", str(folder)]
        if self._git(*arguments, f"{self.tag_of(service)}^{{commit}}") is None:
            raise ContractError(
                f"git can't check out {self.tag_of(service)} in {folder}. Delete that folder."
            )

    def _described(self, commit: str) -> str:
        return (self._git("log", "-1", "--format=%h of %cs", commit) or "unknown revision").strip()

    def _git(self, *arguments: str) -> str | None:
        return git(self.workspace.root, *arguments)


def git(root: Path, *arguments: str) -> str | None:
    """The output of git; None if it fails."""
    command = ["git", *arguments]
    run = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)  # noqa: S603
    return run.stdout if run.returncode == 0 else None
