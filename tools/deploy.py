"""Deploy a service: `tox -e deploy -- users`.

Asks whether it can be deployed beside what is, runs the shell command in DEPLOY_COMMAND with SERVICE and
REVISION in its environment, and moves the tag deployed/<service>, on the remote origin, too.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract_gate import deployed, deployment
from contract_gate.services import SERVICES, GateFailed

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str], environ: Mapping[str, str], root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="tox -e deploy --", description=__doc__)
    parser.add_argument("service", choices=SERVICES)
    service: str = parser.parse_args(arguments).service
    command = environ.get("DEPLOY_COMMAND")
    if not command:
        print("DEPLOY_COMMAND isn't set: nothing was deployed.", file=sys.stderr)
        return 2
    if not _can_be_deployed(service):
        return 1
    revision = _git(root, "rev-parse", "HEAD").stdout.strip()
    hook = {**environ, "SERVICE": service, "REVISION": revision}
    if subprocess.run(["/bin/sh", "-euc", command], cwd=root, env=hook, check=False).returncode:
        print(f"DEPLOY_COMMAND failed. {deployed.tag_of(service)} stays where it is.")
        return 1
    return _move_tag(root, service, revision)


def _can_be_deployed(service: str) -> bool:
    try:
        answers = list(deployment.answers([service]))
    except GateFailed as error:
        print(error, file=sys.stderr)
        return False
    for answer in answers:
        print(answer.sentence)
        if not answer.is_yes:
            print(answer.output)
    return all(answer.is_yes for answer in answers)


def _move_tag(root: Path, service: str, revision: str) -> int:
    tag = deployed.tag_of(service)
    _git(root, "tag", "--force", tag, revision)
    if _git(root, "push", "--force", "origin", f"refs/tags/{tag}").returncode:
        print(
            f"{service} is deployed, but {tag} couldn't be pushed, so that the next answer would be "
            f"wrong. Push it by hand: git push --force origin {revision}:refs/tags/{tag}",
            file=sys.stderr,
        )
        return 1
    print(f"{service} is deployed, and {tag} is at {revision}.")
    return 0


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["git", *arguments], cwd=root, text=True, stdout=subprocess.PIPE, check=False
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
