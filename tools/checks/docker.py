"""Whether this machine can run containers."""

import subprocess
from collections.abc import Mapping
from contextlib import suppress

_ANSWER_TIMEOUT_SECONDS = 20
_HOW_TO_GET_ONE = (
    "No Docker engine with Compose: install Docker with its Compose plugin, start it, and let this user reach it "
    "(`docker version` and `docker compose version` say whether that is so)."
)


class DockerMissing(Exception):
    """No engine answers, or it has no Compose. The text says how to get them."""


def require_docker(environ: Mapping[str, str]) -> None:
    """Come back if containers can be run.

    Raises:
        DockerMissing: they can't.
    """
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        if not _succeeds(command, environ):
            raise DockerMissing(_HOW_TO_GET_ONE)


def _succeeds(command: list[str], environ: Mapping[str, str]) -> bool:
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_ANSWER_TIMEOUT_SECONDS,
        )
        return done.returncode == 0
    return False
