"""The pacts are published as they are committed, with Pact's command line.

The broker is a small fake that implements what the command line needs.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from gate.example import Example, git

from contracts.errors import ContractError
from contracts.gate.publish import BRANCH_VARIABLES
from contracts.gate.publish import publish as publish_pacts

pytestmark = pytest.mark.slow

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


def publish(example: Example, broker: Broker, *, branch: str | None = None, **more: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name not in BRANCH_VARIABLES}
    environment = inherited | {"PACT_BROKER_BASE_URL": broker.url} | more
    publish_pacts(example.gate.workspace, environment, branch=branch)


def test_pacts_are_published_as_they_are_committed(example: Example, broker: Broker) -> None:
    publish(example, broker)
    contents = {}
    for body in broker.published:
        for each in body["contracts"]:
            pact = json.loads(base64.b64decode(each["content"]))
            assert pact["metadata"].pop("pactRust")  # the command line's own version, and no more
            contents[f"{each['consumerName']}-{each['providerName']}.json"] = pact
    assert contents == {
        path.name: json.loads(path.read_text())
        for path in example.path("contracts/pacts").glob("*.json")
    }
    said = {(body["pacticipantVersionNumber"], body["branch"]) for body in broker.published}
    assert said == {(git(example.root, "rev-parse", "HEAD"), "main")}


def test_credentials_are_sent_and_never_shown(
    example: Example, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(example, broker, PACT_BROKER_TOKEN=TOKEN)
    assert broker.credentials == {f"Bearer {TOKEN}"}
    assert TOKEN not in capsys.readouterr().out


@pytest.mark.parametrize("status", [401, 404, 409, 500])
def test_broker_that_rejects_is_a_failure(
    example: Example, broker: Broker, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    broker.status = status
    with pytest.raises(ContractError, match="The broker rejected the pacts") as raised:
        publish(example, broker, PACT_BROKER_TOKEN=TOKEN)
    assert "are published" not in capsys.readouterr().out
    assert TOKEN not in str(raised.value)


def test_unavailable_broker_is_a_failure(example: Example) -> None:
    with pytest.raises(ContractError) as raised:
        publish(example, Broker(f"http://someone:{TOKEN}@127.0.0.1:9"))
    assert TOKEN not in str(raised.value)


def test_nothing_is_published_without_a_broker(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(example, Broker())
    assert "nothing was published" in capsys.readouterr().out


@pytest.mark.parametrize(
    "secret", [{"PACT_BROKER_TOKEN": TOKEN}, {"PACT_BROKER_PASSWORD": TOKEN}], ids=str
)
def test_credentials_are_not_sent_unencrypted(example: Example, secret: dict[str, str]) -> None:
    with pytest.raises(ContractError, match="Use an https address"):
        publish(example, Broker("http://broker.example"), **secret)


def test_uncommitted_pacts_are_not_published(example: Example, broker: Broker) -> None:
    example.write("contracts/pacts/shop-catalog.json", "{}")
    with pytest.raises(ContractError, match=r"shop-catalog\.json"):
        publish(example, broker)
    assert broker.published == []


class TestBranch:
    @pytest.fixture(autouse=True)
    def detached(self, example: Example) -> None:
        example.git("checkout", "--quiet", "--detach")

    @pytest.mark.parametrize("name", BRANCH_VARIABLES)
    def test_branch_of_the_pipeline_is_used(
        self, example: Example, broker: Broker, name: str
    ) -> None:
        publish(example, broker, **{name: "feature"})
        assert {body["branch"] for body in broker.published} == {"feature"}

    def test_branch_option_comes_first(self, example: Example, broker: Broker) -> None:
        publish(example, broker, branch="mine", CI_COMMIT_REF_NAME="feature")
        assert {body["branch"] for body in broker.published} == {"mine"}

    def test_unknown_branch_is_a_failure(self, example: Example, broker: Broker) -> None:
        with pytest.raises(ContractError, match="Add --branch=main"):
            publish(example, broker)
