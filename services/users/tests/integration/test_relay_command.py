"""`python -m app relay`: a process of its own, over a real network, until SIGTERM."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.schemas import ProfilePatch
from app.services import accounts
from service_testing.ports import free_port
from tests.spare_database import opened

SERVICE = Path(__file__).parents[2]


class Subscriber(ThreadingHTTPServer):
    """Stores the events that it receives, and responds with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.url = f"http://127.0.0.1:{self.server_port}/events/"

    def await_events(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.events) >= count, timeout=30)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Subscriber)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        with self.server.changed:
            self.server.events.append(json.loads(body))
            self.server.changed.notify_all()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as subscriber:
        thread = threading.Thread(target=subscriber.serve_forever)
        thread.start()
        yield subscriber
        subscriber.shutdown()
        thread.join()


@pytest.fixture
def metrics_port() -> int:
    return free_port()


@pytest.fixture
def relay(
    subscriber: Subscriber, spare_database_url: str, metrics_port: int
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "relay", "--metrics-port", str(metrics_port)],
        cwd=SERVICE,
        env={
            **os.environ,
            "USERS_ENVIRONMENT": "development",
            "USERS_DATABASE_URL": spare_database_url,
            "USERS_EVENTS_SUBSCRIBERS": f"items={subscriber.url}",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def change(url: str) -> None:
    async def register_and_rename() -> None:
        async with opened(url) as database, database.transaction() as session:
            user = await accounts.register(
                session, email="ada@example.com", name="Ada", password_hash="none"
            )
            for name in ("Eva", "Ida"):
                await accounts.change(session, user.id, ProfilePatch(name=name))

    asyncio.run(register_and_rename())


@pytest.mark.slow
def test_relay_delivers_events_of_other_processes_until_sigterm(
    relay: "subprocess.Popen[str]",
    subscriber: Subscriber,
    spare_database_url: str,
    metrics_port: int,
) -> None:
    change(spare_database_url)
    subscriber.await_events(3)
    assert [event["data"]["version"] for event in subscriber.events] == [1, 2, 3]
    metrics = httpx.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False)
    assert "event_deliveries_total" in metrics.text
    relay.send_signal(signal.SIGTERM)
    output, _ = relay.communicate(timeout=30)
    assert relay.returncode == 0
    lines = [json.loads(line)["event"] for line in output.splitlines()]
    assert (lines[0], lines[-1]) == ("relay_started", "relay_stopping")
