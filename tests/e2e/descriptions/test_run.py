"""The check of the API descriptions fails when a service answers otherwise, and when a link is never followed."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from service_testing.ports import free_port
from tests.e2e.descriptions.run import run_schemathesis
from tests.e2e.descriptions.walks import Walk, count_walks
from tests.e2e.stack import wait_for

pytestmark = pytest.mark.slow


class Kettle(BaseModel):
    id: int
    price: str


def shop(answer: Response) -> FastAPI:
    """A service with one route that gives this answer, which it may not describe."""
    app = FastAPI(title="Shop")

    @app.get("/kettles/first", response_model=Kettle)
    async def read_kettle() -> Response:
        return answer

    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started, "the shop to start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def check(app: FastAPI, folder: Path) -> int:
    with serving(app) as url:
        environment = {**os.environ, "USERS_URL": url, "SERVICE": "shop"}
        options = ["--phases=examples,coverage", "--no-color"]
        return run_schemathesis(url, folder / "report.ndjson", environment, options)


class TestRun:
    def test_described_answer_passes(self, tmp_path: Path) -> None:
        assert check(shop(JSONResponse({"id": 1, "price": "9.99"})), tmp_path) == 0

    @pytest.mark.parametrize(
        ("answer", "finding"),
        [
            (JSONResponse({"id": "one", "price": "9.99"}), "Response violates schema"),
            (JSONResponse({"id": 1}, 404), "Undocumented status code"),
            (Response("9.99", media_type="text/plain"), "Undocumented Content-Type"),
        ],
        ids=["body", "status", "media-type"],
    )
    def test_other_answer_fails_and_prints_a_command_that_shows_it(
        self, answer: Response, finding: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert check(shop(answer), tmp_path) == 1
        output = capfd.readouterr().out
        assert finding in output
        assert "curl -X GET http://127.0.0.1:" in output
        assert "/kettles/first" in output
        assert "Seed: 1" in output


def scenario(*steps: tuple[str, str, int, int | None]) -> str:
    """A line of the report; each step is a method, a path, a status and the step whose answer it uses."""
    cases = {
        str(number): {
            "value": {"method": method, "path": path},
            **({} if parent is None else {"parent_id": str(parent)}),
        }
        for number, (method, path, _, parent) in enumerate(steps)
    }
    interactions: dict[str, Any] = {
        str(number): {"response": {"status_code": status}}
        for number, (_, _, status, _) in enumerate(steps)
    }
    recorder = {"cases": cases, "interactions": interactions}
    return json.dumps({"ScenarioFinished": {"phase": "stateful", "recorder": recorder}})


class TestWalks:
    WALK: Walk = ("POST /a 201", "GET /a 200", "DELETE /a 204")

    def count(self, folder: Path, *lines: str) -> int:
        report = folder / "report.ndjson"
        report.write_text("\n".join([json.dumps({"EngineStarted": {}}), *lines]))
        return count_walks(report, [self.WALK])[self.WALK]

    def test_linked_steps_are_a_walk(self, tmp_path: Path) -> None:
        walk = scenario(
            ("POST", "/a", 201, None), ("GET", "/a", 200, 0), ("GET", "/b", 200, 0),
            ("DELETE", "/a", 204, 1),
        )  # fmt: skip
        assert self.count(tmp_path, walk, walk) == 2

    @pytest.mark.parametrize(
        "steps",
        [
            [("POST", "/a", 201, None), ("GET", "/a", 200, 0)],
            [("POST", "/a", 201, None), ("GET", "/a", 404, 0), ("DELETE", "/a", 204, 0)],
            [("POST", "/a", 201, None), ("GET", "/a", 200, None), ("DELETE", "/a", 204, 1)],
        ],
        ids=["too short", "a refusal", "two beginnings"],
    )
    def test_other_steps_are_none(
        self, tmp_path: Path, steps: list[tuple[str, str, int, int | None]]
    ) -> None:
        assert self.count(tmp_path, scenario(*steps)) == 0
