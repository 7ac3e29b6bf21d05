"""The gate of the API descriptions fails when it must, and says what to do about it."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import check_descriptions
import pytest
import uvicorn
from descriptions.walks import EXPECTED, Walk, count_walks
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from processes import free_port
from pydantic import BaseModel
from stack import wait_for

pytestmark = pytest.mark.slow

NARROWED = ["--phases=examples,coverage", "--no-color"]


class Kettle(BaseModel):
    id: int
    price: str


def shop(answer: Response) -> FastAPI:
    """A service with one route, which answers this whatever it describes."""
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
        wait_for(lambda: server.started, "the shop to open")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def is_held(app: FastAPI) -> bool:
    with serving(app) as url:
        environment = {**os.environ, "USERS_URL": url}
        return check_descriptions.hold("shop", url, NARROWED, environment)


class TestHold:
    def test_what_answers_as_described_passes(self) -> None:
        assert is_held(shop(JSONResponse({"id": 1, "price": "9.99"})))

    @pytest.mark.parametrize(
        ("answer", "finding"),
        [
            (JSONResponse({"id": "one", "price": "9.99"}), "Response violates schema"),
            (JSONResponse({"id": 1}, 404), "Undocumented status code"),
            (Response("9.99", media_type="text/plain"), "Undocumented Content-Type"),
        ],
        ids=["body", "status", "media-type"],
    )
    def test_what_answers_otherwise_is_found_with_a_command_that_shows_it(
        self, answer: Response, finding: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert not is_held(shop(answer))
        output = capfd.readouterr().out
        assert finding in output
        assert "curl -X GET http://127.0.0.1:" in output
        assert "/kettles/first" in output
        assert "Seed: 1" in output


def scenario(*steps: tuple[str, str, int, int | None]) -> str:
    """A line of the report: each step is a method, a path, a status and the step that it follows."""
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

    def test_steps_that_follow_from_one_another_are_a_walk(self, tmp_path: Path) -> None:
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
    def test_anything_else_is_none(
        self, tmp_path: Path, steps: list[tuple[str, str, int, int | None]]
    ) -> None:
        assert self.count(tmp_path, scenario(*steps)) == 0

    def test_a_walk_that_was_never_gone_fails_the_gate(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        report = tmp_path / "report.ndjson"
        report.write_text(scenario(("POST", "/items/", 201, None)))
        assert not check_descriptions.has_walked("items", report)
        assert "NEVER x  POST /items/ 201 -> GET /items/{item_id} 200" in capsys.readouterr().out

    def test_an_item_is_created_read_updated_and_deleted(self) -> None:
        (walk,) = EXPECTED["items"]
        assert [step.partition(" ")[0] for step in walk] == ["POST", "GET", "PATCH", "DELETE"]
