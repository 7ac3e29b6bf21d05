"""Hand the committed pacts to a Pact Broker, if there is one: `tox -e contract-publish`.

Where it is, and who we are, is in the environment variables of Pact's own command line
(PACT_BROKER_BASE_URL, PACT_BROKER_TOKEN or PACT_BROKER_USERNAME and PACT_BROKER_PASSWORD). Without
the first of them there is nothing to do. Nothing here depends on a broker.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
PACTS = Path("contracts/pacts")
_SECRETS = ("PACT_BROKER_TOKEN", "PACT_BROKER_PASSWORD")
_BRANCHES = ("CI_COMMIT_REF_NAME", "GITHUB_HEAD_REF", "GITHUB_REF_NAME")
"""Where pipelines have the branch: what they check out has none."""
_HERE = ("127.0.0.1", "::1", "localhost")
_RETRIES = 3
_MOST_SECONDS = 120


class NotPublished(Exception):
    """The text says why, and what to do."""


def main(root: Path, arguments: list[str], environment: Mapping[str, str]) -> int:
    parser = argparse.ArgumentParser(prog="tox -e contract-publish --", description=__doc__)
    parser.add_argument("--branch", help="instead of the one that git or the pipeline names")
    options = parser.parse_args(arguments)
    if not environment.get("PACT_BROKER_BASE_URL"):
        print("PACT_BROKER_BASE_URL is not set, so there is no broker: nothing was published.")
        return 0
    try:
        version = _version(root)
        branch = options.branch or _branch(root, environment)
        _publish(root, version, branch, environment)
    except NotPublished as error:
        print(_without_secrets(str(error), environment))
        return 1
    print(f"The pacts are published as {version} of the branch {branch}.")
    return 0


def _version(root: Path) -> str:
    """The commit. Raises `NotPublished` when it doesn't have the pacts that are here."""
    if changed := _git(root, "status", "--porcelain", "--", str(PACTS)):
        raise NotPublished(f"These aren't what the commit has. Commit them first.\n{changed}")
    return _git(root, "rev-parse", "HEAD")


def _branch(root: Path, environment: Mapping[str, str]) -> str:
    named = [environment[name] for name in _BRANCHES if environment.get(name)]
    if branch := _git(root, "branch", "--show-current") or next(iter(named), ""):
        return branch
    raise NotPublished("There is no branch, as HEAD is detached. Say it: -- --branch=main.")


def _publish(root: Path, version: str, branch: str, environment: Mapping[str, str]) -> None:
    address = urlsplit(environment["PACT_BROKER_BASE_URL"])
    is_secret = any(environment.get(name) for name in _SECRETS) or address.password
    if is_secret and address.scheme != "https" and address.hostname not in _HERE:
        raise NotPublished("The credentials would be sent unencrypted. Use an https address.")
    # The address and the credentials it takes from the environment, where no process list shows them.
    command = [
        *(str(Path(sys.executable).with_name("pact")), "broker", "publish", str(PACTS)),
        *("--consumer-app-version", version, "--branch", branch, "--retries", str(_RETRIES)),
    ]
    try:
        run = subprocess.run(
            command,
            cwd=root,
            env=dict(environment),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotPublished(f"The broker isn't done after {_MOST_SECONDS} s.") from None
    if run.returncode != 0:
        raise NotPublished(f"{run.stdout}\nThe broker has not taken the pacts: see above.")
    print(_without_secrets(run.stdout.strip(), environment))


def _without_secrets(text: str, environment: Mapping[str, str]) -> str:
    password = urlsplit(environment["PACT_BROKER_BASE_URL"]).password
    for secret in (*(environment.get(name) for name in _SECRETS), password):
        text = text.replace(secret, "***") if secret else text
    return text


def _git(root: Path, *arguments: str) -> str:
    """Raises `NotPublished` when git can't."""
    run = subprocess.run(["git", *arguments], cwd=root, text=True, capture_output=True, check=False)
    if run.returncode != 0:
        raise NotPublished(f"git {arguments[0]}: {run.stderr}")
    return run.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(ROOT, sys.argv[1:], os.environ))
