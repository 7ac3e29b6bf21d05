"""`python -m chassis.ops.probe`, the health check of a container."""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest


def probe(port: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SERVICE": "notes", "NOTES_PORT": str(port)}
    command = [sys.executable, "-I", "-m", "chassis.ops.probe"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1), (404, 1)])
def test_exit_code_is_the_readiness(status: int, expected: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = status if self.path == "/health/ready" else 500
            self.send_response(found)
            self.end_headers()
            self.wfile.write(b"what it says")

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        result = probe(server.server_port)
        server.shutdown()
        thread.join()
    assert (result.returncode, result.stdout, result.stderr) == (expected, "what it says\n", "")


def test_missing_response_is_unhealthy() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    result = probe(port)
    assert result.returncode == 1
    assert result.stdout.startswith("no answer: ")
    assert result.stderr == ""


def test_probe_imports_no_framework() -> None:
    """It runs every few seconds in each container."""
    script = "import sys, chassis.ops.probe; print(sorted({'fastapi', 'pydantic', 'asyncio'} & {*sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
