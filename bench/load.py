"""Load by wrk, which needs a small part of the CPU that the server needs."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.routes import Route

_SCRIPT = Path(__file__).with_name("load.lua")


class LoadFailed(Exception):
    """wrk is missing, or a request failed; the message has the reason."""


class Load(NamedTuple):
    requests: int
    seconds: float
    failed: int


def run_load(base_url: str, route: Route) -> Load:
    """Send the route's request on all connections, as long as a run takes.

    Raises:
        LoadFailed: wrk is missing, an answer was no 2xx, or none came in time.
    """
    program = shutil.which("wrk")
    if program is None:
        raise LoadFailed("Install wrk (Debian, Ubuntu: apt install wrk; macOS: brew install wrk).")
    headers = [f"--header={name}: {value}" for name, value in route.headers.items()]
    command = [
        *(
            program,
            "--threads=1",
            f"--connections={route.connections}",
            f"--duration={route.seconds}s",
        ),
        *("--timeout=30s", f"--script={_SCRIPT}", *headers, f"{base_url}{route.path}"),
        *("--", route.method, *([route.body] if route.body else [])),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - wrk
    load = Load(**json.loads(done.stdout.splitlines()[-1]))
    if load.failed or not load.requests:
        raise LoadFailed(f"{route.name}: {load.failed} of {load.requests} requests failed")
    return load
