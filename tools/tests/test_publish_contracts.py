"""The pacts reach a broker as they are committed, by Pact's own command line; without a broker nothing happens.

The broker is a stand-in on this machine that speaks as much of the protocol as the command line needs.
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import publish_contracts
import pytest

pytestmark = pytest.mark.slow

PACTS = Path(__file__).parents[2] / "contracts/pacts"
TOKEN = "a-very-secret-token"


@dataclass
class Broker:
    url: str = ""
    status: int = 200
    published: list[dict[str, Any]] = field(default_factory=list)
    credentials: set[str] = field(default_factory=set)


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(
                200, {"_links": {"pb:publish-contracts": {"href": f"{broker.url}/publish"}}}
            )

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if broker.status == 200:
                broker.published.append(body)
            links: dict[str, Any] = {"pb:contracts": []}
            self._answer(broker.status, {"notices": [], "logs": [], "_links": links})

        def _answer(self, status: int, document: Any) -> None:
            broker.credentials.add(self.headers.get("Authorization", ""))
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/hal+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Not in the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        broker.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield broker
        server.shutdown()
        thread.join()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(PACTS, tmp_path / "contracts/pacts")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Contracts")
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    run = subprocess.run(
        ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


def publish(root: Path, broker: Broker, *arguments: str, **environment: str) -> int:
    inherited = {name: value for name, value in os.environ.items() if name not in PIPELINES}
    address = {"PACT_BROKER_BASE_URL": broker.url}
    return publish_contracts.main(root, list(arguments), inherited | address | environment)


PIPELINES = publish_contracts._BRANCHES


def test_pacts_are_published_as_they_are_committed(repository: Path, broker: Broker) -> None:
    assert publish(repository, broker) == 0
    contents = {}
    for body in broker.published:
        for each in body["contracts"]:
            pact = json.loads(base64.b64decode(each["content"]))
            assert pact["metadata"].pop("pactRust")  # the command line's own version, and no more
            contents[f"{each['consumerName']}-{each['providerName']}.json"] = pact
    assert contents == {path.name: json.loads(path.read_text()) for path in PACTS.glob("*.json")}
    said = {(body["pacticipantVersionNumber"], body["branch"]) for body in broker.published}
    assert said == {(git(repository, "rev-parse", "HEAD"), "main")}


def test_credentials_are_sent_and_never_shown(
    repository: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(repository, broker, PACT_BROKER_TOKEN=TOKEN) == 0
    assert broker.credentials == {f"Bearer {TOKEN}"}
    assert TOKEN not in capsys.readouterr().out


@pytest.mark.parametrize("status", [401, 404, 409, 500])
def test_broker_that_refuses_is_a_failure(
    repository: Path, broker: Broker, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    broker.status = status
    assert publish(repository, broker, PACT_BROKER_TOKEN=TOKEN) == 1
    output = capsys.readouterr().out
    assert "The broker has not taken the pacts" in output
    assert "are published" not in output
    assert TOKEN not in output


def test_broker_that_is_away_is_a_failure(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Broker("http://someone:a-password@127.0.0.1:9")
    assert publish(repository, away) == 1
    assert "a-password" not in capsys.readouterr().out


def test_nothing_happens_without_a_broker(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert publish(repository, Broker()) == 0
    assert "nothing was published" in capsys.readouterr().out


@pytest.mark.parametrize(
    "secret", [{"PACT_BROKER_TOKEN": TOKEN}, {"PACT_BROKER_PASSWORD": TOKEN}], ids=str
)
def test_credentials_are_not_sent_unencrypted(
    repository: Path, capsys: pytest.CaptureFixture[str], secret: dict[str, str]
) -> None:
    assert publish(repository, Broker("http://broker.example"), **secret) == 1
    assert "Use an https address" in capsys.readouterr().out


def test_pacts_that_are_not_committed_are_not_published(
    repository: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "contracts/pacts/items-users.json").write_text("{}")
    assert publish(repository, broker) == 1
    assert "items-users.json" in capsys.readouterr().out
    assert broker.published == []


class TestBranch:
    @pytest.fixture(autouse=True)
    def detached(self, repository: Path) -> None:
        git(repository, "checkout", "--quiet", "--detach")

    @pytest.mark.parametrize("name", PIPELINES)
    def test_branch_is_the_pipelines_where_git_has_none(
        self, repository: Path, broker: Broker, name: str
    ) -> None:
        assert publish(repository, broker, **{name: "feature"}) == 0
        assert {body["branch"] for body in broker.published} == {"feature"}

    def test_branch_can_be_said(self, repository: Path, broker: Broker) -> None:
        assert publish(repository, broker, "--branch=mine", CI_COMMIT_REF_NAME="feature") == 0
        assert {body["branch"] for body in broker.published} == {"mine"}

    def test_branch_that_nobody_knows_is_a_failure(
        self, repository: Path, broker: Broker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert publish(repository, broker) == 1
        assert "-- --branch=main" in capsys.readouterr().out
