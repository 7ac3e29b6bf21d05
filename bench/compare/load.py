"""Load by wrk, which takes a small part of what the server takes."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compare.routes import Route

HOW_TO_GET_WRK = (
    "wrk is needed to make load (Debian, Ubuntu: apt install wrk; macOS: brew install wrk)."
)
_SCRIPT = Path(__file__).with_name("load.lua")


class LoadFailed(Exception):
    """What was sent didn't all get the answer that it should, or there is no wrk; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of one run."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int


def find_wrk() -> str:
    """The program.

    Raises:
        LoadFailed: it isn't installed; with how to get it.
    """
    program = shutil.which("wrk")
    if program is None:
        raise LoadFailed(HOW_TO_GET_WRK)
    return program


def run_load(base_url: str, route: Route, *, seconds: float) -> Load:
    """Send the route's request for so long, on each of its connections.

    Raises:
        LoadFailed: an answer was no 2xx, or none came in time.
    """
    command = [
        *(find_wrk(), "--threads", "1", "--connections", str(route.connections)),
        *("--duration", f"{seconds:.0f}s", "--timeout", "30s", "--script", str(_SCRIPT)),
        *_header_options(route.headers),
        *(f"{base_url}{route.path}", "--", route.method, *([route.body] if route.body else [])),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - wrk
    load = Load(**json.loads(done.stdout.splitlines()[-1]))
    if not load.requests:
        raise LoadFailed(
            f"{route.name}: no request ended within {seconds:.0f} s: too busy a machine"
        )
    if load.failed:
        raise LoadFailed(f"{route.name}: {load.failed} of {load.requests} requests failed")
    return load


def _header_options(headers: Mapping[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
