"""A process that runs out of memory answers, and ends to be started again."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.types import EventDict
from tests.example.app import MIGRATIONS, client_of_app, create_app
from tests.example.process import served

from chassis.db import migrations
from service_testing.assertions import assert_error_response


def fail(*_: object, **__: object) -> Any:
    raise MemoryError


@pytest.mark.parametrize("path", ["/notes/exhaustion", "/notes/"])
async def test_memory_error_is_a_503_and_the_process_is_not_ready(
    path: str, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of_app(create_app())
    with monkeypatch.context() as patch:
        patch.setattr(json, "loads", fail)  # FastAPI takes any error in it for a malformed body
        response = await client.post(path, json={"title": "a"})
    assert_error_response(response, 503, "overloaded")
    assert response.headers["Retry-After"] == "1"
    assert logs[0]["event"] == "out_of_memory"
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "stopping")


def test_process_ends_with_status_1_after_its_requests(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    migrations.upgrade(url, MIGRATIONS)
    with served(NOTES_DATABASE_URL=url, NOTES_DRAIN_SECONDS="0.1") as service:
        assert service.client.post("/notes/exhaustion").status_code == 503
        log = service.ended()
    assert service.process.returncode == 1
    assert "out_of_memory" in [line["event"] for line in log]
