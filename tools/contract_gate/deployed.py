"""What is deployed: the tags `deployed/<service>`, moved by whoever deploys."""

import json
import subprocess
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

from contract_gate.services import ROOT, GateFailed
from service_testing.contracts.descriptions import Description

BOOTSTRAP = ROOT / "contracts/bootstrap.toml"


def is_deployed(service: str) -> bool:
    """Whether it has its tag. Without one it needs a bootstrap that hasn't expired.

    Raises:
        GateFailed: it has neither: an unknown past must not pass for none.
    """
    if _git("rev-parse", "--verify", "--quiet", f"{tag_of(service)}^{{commit}}") is not None:
        return True
    expires: dict[str, date] = {}
    if BOOTSTRAP.is_file():
        expires = tomllib.loads(BOOTSTRAP.read_text(encoding="utf-8"))
    if service not in expires:
        raise GateFailed(
            f"There is no tag {tag_of(service)}. Fetch the tags; or, if {service} was never "
            f"deployed, say until when that may be so in {BOOTSTRAP}."
        )
    if expires[service] < datetime.now(UTC).date():
        raise GateFailed(
            f"There is no tag {tag_of(service)}, and the bootstrap of {service} in {BOOTSTRAP} "
            f"expired on {expires[service]}. Set the tag to what is deployed."
        )
    return False


def tag_of(service: str) -> str:
    return f"deployed/{service}"


def commit() -> str:
    """The whole hash of what is looked at now."""
    return (_git("rev-parse", "HEAD") or "").strip()


def revision_of(service: str) -> str:
    """A short hash with its day, for people."""
    return _shown(f"{tag_of(service)}^{{commit}}")


def revision() -> str:
    """As `revision_of`, of what is looked at now."""
    changes = " with uncommitted changes" if _git("status", "--porcelain") else ""
    return _shown("HEAD") + changes


def deployed_description(service: str) -> Description | None:
    """None when the deployed version had none committed."""
    text = file_at(service, f"contracts/openapi/{service}.json")
    return json.loads(text) if text else None


def file_at(service: str, path: str) -> str | None:
    """A file as it is at the service's tag; None when it isn't there."""
    return _git("show", f"{tag_of(service)}:{path}")


def check_out(service: str, folder: Path) -> None:
    """Make the folder a worktree at the service's tag; what git doesn't know of stays in it.

    Raises:
        GateFailed: git can't.
    """
    _git("worktree", "prune")
    if (folder / ".git").exists():
        arguments = ["-C", str(folder), "checkout", "--quiet", "--force", "--detach"]
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
        arguments = ["worktree", "add", "--quiet", "--force", "--detach", str(folder)]
    if _git(*arguments, f"{tag_of(service)}^{{commit}}") is None:
        raise GateFailed(f"git can't check {tag_of(service)} out in {folder}. Delete that folder.")


def _shown(commit: str) -> str:
    return (_git("log", "-1", "--format=%h of %cs", commit) or "an unknown revision").strip()


def _git(*arguments: str) -> str | None:
    run = subprocess.run(["git", *arguments], cwd=ROOT, text=True, capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else None
