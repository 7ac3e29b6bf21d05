"""`X-Forwarded-For` is used only if a proxy of the settings sends it."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send
from tests.example.app import NotesSettings

from chassis.ops import serving
from chassis.ops.health import Lifecycle

PROXY, STRANGER, CALLER = "10.0.0.1", "10.0.0.2", "203.0.113.7"


class NeverRun:
    """A fake server that stores its configuration."""

    configs: list[uvicorn.Config]

    def __init__(self, config: uvicorn.Config, *_: Any, **__: Any) -> None:
        self.started = True
        self.configs.append(config)

    def run(self) -> None: ...


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[uvicorn.Config]]:
    """The configuration of each server that the test starts."""
    NeverRun.configs = []
    monkeypatch.setattr(serving, "DrainingServer", NeverRun)
    handler = signal.getsignal(signal.SIGTERM)
    yield NeverRun.configs
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    ("trusted", "peer", "client"),
    [
        ([PROXY], PROXY, CALLER),
        ([PROXY], STRANGER, STRANGER),
        ([PROXY], "127.0.0.1", "127.0.0.1"),
        ([], PROXY, PROXY),
        ([], "127.0.0.1", "127.0.0.1"),
    ],
)
async def test_forwarded_for_is_used_only_from_a_trusted_proxy(
    configs: list[uvicorn.Config], trusted: list[str], peer: str, client: str
) -> None:
    seen: list[Any] = []

    class App(FastAPI):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["client"][0])

    app = App()
    app.state.lifecycle = Lifecycle()
    settings = NotesSettings(
        environment="development",
        database_url=SecretStr("sqlite:////dev/null/test.db"),
        trusted_proxies=trusted,
    )
    serving.serve_until_signalled(app, settings)
    (config,) = configs
    config.load()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "scheme": "http",
        "client": (peer, 40_000),
        "headers": [(b"x-forwarded-for", CALLER.encode())],
    }

    async def unused(*_: Any) -> Any:
        raise AssertionError("the app neither reads nor answers")

    await config.loaded_app(scope, unused, unused)
    assert seen == [client]
