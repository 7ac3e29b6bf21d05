"""Publishes the committed pacts to a Pact Broker, if one is configured.

Address and credentials are in the environment variables of Pact's own command line
(PACT_BROKER_BASE_URL, PACT_BROKER_TOKEN or PACT_BROKER_USERNAME and PACT_BROKER_PASSWORD). Without the
address nothing is published. Nothing here depends on a broker.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from contracts.errors import ContractError
from contracts.gate.deployed import Deployments, git
from contracts.gate.workspace import Workspace

_SECRETS = ("PACT_BROKER_TOKEN", "PACT_BROKER_PASSWORD")
BRANCH_VARIABLES = ("CI_COMMIT_REF_NAME", "GITHUB_HEAD_REF", "GITHUB_REF_NAME")
"""The branch in a pipeline, where HEAD is detached."""
_LOCAL = ("127.0.0.1", "::1", "localhost")
_RETRIES = 3
_MAX_SECONDS = 120


def publish(
    workspace: Workspace, environment: Mapping[str, str], *, branch: str | None = None
) -> None:
    """Raises `ContractError` if the pacts can't be published."""
    if not environment.get("PACT_BROKER_BASE_URL"):
        print("PACT_BROKER_BASE_URL is not set: nothing was published.")
        return
    try:
        version = _version(workspace)
        branch = branch or _branch(workspace.root, environment)
        _publish(workspace, version, branch, environment)
    except ContractError as error:
        raise ContractError(_without_secrets(str(error), environment)) from None
    print(f"The pacts are published as version {version} of the branch {branch}.")


def _version(workspace: Workspace) -> str:
    """The commit. Raises `ContractError` if the pacts differ from the committed ones."""
    changed = git(workspace.root, "status", "--porcelain", "--", str(workspace.pacts))
    if changed is None:
        raise ContractError(
            f"git can't read {workspace.root}: the version of the pacts is unknown."
        )
    if changed:
        raise ContractError(f"These pacts are not committed. Commit them first.\n{changed}")
    return Deployments(workspace).commit()


def _branch(root: Path, environment: Mapping[str, str]) -> str:
    named = [environment[name] for name in BRANCH_VARIABLES if environment.get(name)]
    current = (git(root, "branch", "--show-current") or "").strip()
    if branch := current or next(iter(named), ""):
        return branch
    raise ContractError("HEAD is detached, so the branch is unknown. Add --branch=main.")


def _publish(
    workspace: Workspace, version: str, branch: str, environment: Mapping[str, str]
) -> None:
    address = urlsplit(environment["PACT_BROKER_BASE_URL"])
    is_secret = any(environment.get(name) for name in _SECRETS) or address.password
    if is_secret and address.scheme != "https" and address.hostname not in _LOCAL:
        raise ContractError("The credentials would be sent unencrypted. Use an https address.")
    # It reads address and credentials from the environment, so no process list shows them.
    command = [
        *(str(Path(sys.executable).with_name("pact")), "broker", "publish", str(workspace.pacts)),
        *("--consumer-app-version", version, "--branch", branch, "--retries", str(_RETRIES)),
    ]
    try:
        run = subprocess.run(  # noqa: S603
            command,
            cwd=workspace.root,
            env=dict(environment),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ContractError(f"The broker has not answered after {_MAX_SECONDS} s.") from None
    except FileNotFoundError:
        raise ContractError(
            "Pact's command line is not installed: install `contracts[broker]`."
        ) from None
    if run.returncode != 0:
        raise ContractError(f"{run.stdout}\nThe broker rejected the pacts: see above.")
    print(_without_secrets(run.stdout.strip(), environment))


def _without_secrets(text: str, environment: Mapping[str, str]) -> str:
    password = urlsplit(environment["PACT_BROKER_BASE_URL"]).password
    for secret in (*(environment.get(name) for name in _SECRETS), password):
        text = text.replace(secret, "***") if secret else text
    return text
