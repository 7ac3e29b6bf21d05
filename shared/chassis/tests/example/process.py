"""The example as a process of its own, as it runs in production."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from service_testing.ports import free_port

PACKAGE_FOLDER = Path(__file__).parents[2]


class Served:
    """A running `serve`. Its log is read when it has ended."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process = process
        self.port = port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    def comes_alive(self) -> bool:
        """Wait until it answers, or has ended instead."""
        while self.process.poll() is None:
            try:
                self.client.get("/health/live").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return True
        return False

    def end(self, signal: int) -> list[dict[str, Any]]:
        """Send the signal; the lines of the log when the process has ended."""
        self.process.send_signal(signal)
        return self.ended()

    def ended(self) -> list[dict[str, Any]]:
        output, errors = self.process.communicate()
        assert errors == ""
        return [json.loads(line) for line in output.splitlines()]

    def stop(self) -> None:
        """Kill it if it still runs, and close its streams."""
        self.client.close()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def served(**environment: str) -> Iterator[Served]:
    """A service that answers. `environment` is all of its variables `NOTES_`, but the port."""
    service = _start(environment)
    try:
        yield service
    finally:
        service.stop()


def _start(environment: dict[str, str]) -> Served:
    while True:
        port = int(environment.get("NOTES_PORT") or free_port())
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.example", "serve"],
            env={
                **os.environ,
                "PYTHONPATH": str(PACKAGE_FOLDER),
                "NOTES_PORT": str(port),
                "NOTES_DRAIN_SECONDS": "0",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        service = Served(process, port)
        if service.comes_alive():
            return service
        log = service.ended()
        service.stop()
        # Between our look at the port and its own, another process may have taken it.
        assert "address already in use" in str(log), log
