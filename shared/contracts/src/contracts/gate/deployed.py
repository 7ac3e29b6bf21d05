"""What is deployed: the git tags `deployed/<environment>/<service>`, or the merge base before the first deployment."""

import json
import os
import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from contracts.errors import ContractError
from contracts.gate.workspace import Workspace
from contracts.openapi.conformance import Description

PRODUCTION = "production"
MAX_BOOTSTRAP = timedelta(weeks=8)
_MAIN = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/heads/main",
    "refs/heads/master",
)


@dataclass(frozen=True)
class Deployments:
    workspace: Workspace
    environment: str = PRODUCTION

    def tag_of(self, service: str) -> str:
        return f"deployed/{self.environment}/{service}"

    def commit_of(self, service: str) -> str | None:
        """The commit of its tag. Before the first deployment the merge base; None if it is new.

        Raises:
            ContractError: others have a tag, and it has neither a tag nor a valid bootstrap entry.
        """
        if self.is_deployed(service):
            return self._tags[self.tag_of(service)]
        if self._tags:
            self._require_bootstrap(service)
        folder = self.workspace[service].folder
        return self.merge_base if self.merge_base and self.at(self.merge_base, folder) else None

    def is_deployed(self, service: str) -> bool:
        return self.tag_of(service) in self._tags

    @cached_property
    def _tags(self) -> dict[str, str]:
        """The commit of each tag of the environment."""
        place = f"refs/tags/deployed/{self.environment}/"
        listed = self._git(
            "for-each-ref", "--format=%(refname:strip=2) %(objectname) %(*objectname)", place
        )
        return {each.split()[0]: each.split()[-1] for each in (listed or "").splitlines()}

    def name_of(self, service: str) -> str:
        """For sentences."""
        return (
            f"the deployed {service}"
            if self.is_deployed(service)
            else f"{service} at the merge base"
        )

    @cached_property
    def merge_base(self) -> str | None:
        """The commit where the branch left main; on main the previous one. None for the first commit.

        Raises:
            ContractError: the clone lacks history or the main branch.
        """
        if self._git("rev-parse", "--is-shallow-repository") == "true":
            raise ContractError(
                "The clone is shallow, so it is unknown what changed and what is deployed. Fetch the "
                "whole history and the tags: `git fetch --unshallow --tags`."
            )
        head = self._commit("HEAD")
        if head is None:
            return None
        given = os.environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
        own = self.workspace.settings.branch
        named = [f"refs/{each}/{own}" for each in ("remotes/origin", "heads")] if own else _MAIN
        main = next(filter(self._commit, [given, *named]), "")
        if not main:
            raise ContractError(
                "There is no branch main, so it is unknown what changed. Fetch it, or name yours: "
                "`branch` in [tool.contracts]."
            )
        base = self._git("merge-base", "HEAD", main)
        if base != head or self._git("status", "--porcelain", "--untracked-files=no"):
            return base
        return self._commit("HEAD^")

    def revision_of(self, service: str) -> str:
        """How messages name the deployed version."""
        commit = self.commit_of(service)
        if commit is None:
            return "it is neither deployed nor at the merge base, so nothing is asked about it"
        tag, described = self.tag_of(service), self._described(commit)
        if self.is_deployed(service):
            return f"{tag} is {described}"
        return f"it has no tag {tag}, so the merge base {described} is used"

    def revision(self) -> str:
        """Like `revision_of`, for the checkout."""
        changes = " with uncommitted changes" if self._git("status", "--porcelain") else ""
        return self._described("HEAD") + changes

    def commit(self) -> str:
        """The full hash of the checkout."""
        return (self._git("rev-parse", "HEAD") or "").strip()

    def description(self, service: str) -> Description | None:
        """The deployed OpenAPI description; None if that version has none."""
        return self._json_at(service, self.workspace.descriptions)

    def events(self, service: str) -> Description | None:
        """The deployed AsyncAPI document; None if that version has none."""
        return self._json_at(service, self.workspace.events)

    def _json_at(self, service: str, folder: Path) -> Description | None:
        text = self.file_at(service, folder / f"{service}.json")
        return json.loads(text) if text else None

    def file_at(self, service: str, path: Path) -> str | None:
        """A file as it is in the deployed version; None if it doesn't exist there."""
        commit = self.commit_of(service)
        return self.at(commit, path) if commit else None

    def check_out(self, service: str, folder: Path) -> None:
        """Make the folder a worktree of the deployed version; untracked files stay.

        Raises:
            ContractError: git fails.
        """
        self._git("worktree", "prune")
        if (folder / ".git").exists():
            arguments = ["-C", str(folder), "checkout", "--quiet", "--force", "--detach"]
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            arguments = ["worktree", "add", "--quiet", "--force", "--detach", str(folder)]
        commit = self.commit_of(service) or ""
        if self._git(*arguments, commit) is None:
            raise ContractError(
                f"git can't check out {self.name_of(service)} in {folder}. Delete that folder."
            )

    def _require_bootstrap(self, service: str) -> None:
        bootstrap, today = self.workspace.bootstrap, datetime.now(UTC).date()
        expires: dict[str, date] = {}
        if bootstrap.is_file():
            expires = tomllib.loads(bootstrap.read_text(encoding="utf-8"))
        fix = f"There is no tag {self.tag_of(service)}"
        if service not in expires:
            raise ContractError(
                f"{fix}, and other services are deployed. Fetch the tags. If {service} was never "
                f"deployed, add it to {bootstrap} until its first deployment: `{service} = "
                f"{today + timedelta(weeks=2)}`."
            )
        if not today <= expires[service] <= today + MAX_BOOTSTRAP:
            is_past = expires[service] < today
            why = "expired on" if is_past else f"is more than {MAX_BOOTSTRAP.days // 7} weeks away:"
            raise ContractError(
                f"{fix}, and the entry of {service} in {bootstrap} {why} {expires[service]}. Set the "
                "tag to what is deployed."
            )

    def _commit(self, name: str) -> str | None:
        return name and self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def at(self, commit: str, path: Path) -> str | None:
        """A file at a commit, or the list of a folder."""
        return git(
            self.workspace.root, "show", f"{commit}:./{path.relative_to(self.workspace.root)}"
        )

    def _described(self, commit: str) -> str:
        return self._git("log", "-1", "--format=%h of %cs", commit) or "unknown revision"

    def _git(self, *arguments: str) -> str | None:
        found = git(self.workspace.root, *arguments)
        return found if found is None else found.strip()


def git(root: Path, *arguments: str) -> str | None:
    """The output of git; None if it fails."""
    command = ["git", *arguments]
    run = subprocess.run(command, cwd=root, text=True, capture_output=True, check=False)  # noqa: S603
    return run.stdout if run.returncode == 0 else None
