"""Publishing to a Pact Broker and fetching from it.

The broker is a small fake with the documented relations (HAL). Nothing here was tried with a real one.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest
from gate.example import Example, git

from contracts import cli
from contracts.errors import ContractError
from contracts.gate import broker as broker_module
from contracts.gate.broker import BRANCH_VARIABLES, fetch
from contracts.gate.broker import publish as publish_contracts

TOKEN = "a-very-secret-token"
KIOSK = Path(__file__).parents[1] / "unit/pact_js/kiosk-catalog.json"


@dataclass
class FakeBroker:
    url: str = ""
    status: int = 200
    pacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The pacts by path; `published` has what else was sent, by path."""
    published: dict[str, Any] = field(default_factory=dict)
    credentials: set[str] = field(default_factory=set)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.status != 200 and method != "GET":
            return self.status, {"errors": ["no"]}
        if path == "/":
            relations = {
                "pb:publish-contracts": "/contracts/publish",
                "pb:provider-pacts-for-verification": "/pacts/provider/{provider}/for-verification",
                "pb:pacticipant-branch-version": "/pacticipants/{pacticipant}/branches/{branch}/versions/{version}",
            }
            return 200, {
                "_links": {name: {"href": self.url + to} for name, to in relations.items()}
            }
        if path == "/contracts/publish":
            hrefs = [self.add(each, body["pacticipantVersionNumber"]) for each in body["contracts"]]
            self.published[f"{path} {body['pacticipantName']}"] = body
            return 200, {"_links": {"pb:contracts": [{"href": self.url + each} for each in hrefs]}}
        if found := re.fullmatch("/pacts/provider/(.+)/for-verification", path):
            hrefs = [each for each in self.pacts if each.startswith(f"/pacts/provider/{found[1]}/")]
            links = [{"_links": {"self": {"href": self.url + each}}} for each in hrefs]
            is_valid = hrefs and body["consumerVersionSelectors"] == [{"mainBranch": True}]
            return (200, {"_embedded": {"pacts": links}}) if is_valid else (404, {})
        if method == "GET":
            return (200, self.pacts[path]) if path in self.pacts else (404, {})
        self.published[path] = body
        return 201, {}

    def add(self, contract: dict[str, str], version: str) -> str:
        pact = json.loads(base64.b64decode(contract["content"]))
        path = f"/pacts/provider/{contract['providerName']}/consumer/{contract['consumerName']}/version/{version}"
        for number, each in enumerate(pact["interactions"]):
            each["_id"] = str(number)
        results = {
            "pb:publish-verification-results": {"href": f"{self.url}{path}/verification-results"}
        }
        self.pacts[path] = {**pact, "createdAt": "2026-11-29", "_links": results}
        return path

    def add_kiosk(self) -> None:
        content = base64.b64encode(KIOSK.read_bytes()).decode()
        contract = {"consumerName": "kiosk", "providerName": "catalog", "content": content}
        self.add(contract, "k1")


@pytest.fixture
def broker() -> Iterator[FakeBroker]:
    broker = FakeBroker()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            broker.credentials.add(self.headers.get("Authorization", ""))
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(sent) if sent else None
            status, document = broker.answer(self.command, unquote(self.path), body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/hal+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the names of http.server

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        broker.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield broker
        server.shutdown()
        thread.join()


def publish(
    example: Example, broker: FakeBroker, branch: str | None = None, **more: str
) -> list[str]:
    environment = {"PACT_BROKER_BASE_URL": broker.url} | more
    return publish_contracts(example.gate.workspace, environment, branch=branch)


class TestPublish:
    def test_pacts_are_published_as_they_are_committed(
        self, example: Example, broker: FakeBroker
    ) -> None:
        head = git(example.root, "rev-parse", "HEAD")
        lines = publish(example, broker)
        assert f"shop-catalog.json is published as version {head} of main." in lines
        for name in ("shop", "mailer"):
            body = broker.published[f"/contracts/publish {name}"]
            assert (body["pacticipantVersionNumber"], body["branch"]) == (head, "main")
            committed = example.path(f"contracts/pacts/{name}-catalog.json").read_bytes()
            assert [base64.b64decode(each["content"]) for each in body["contracts"]] == [committed]

    @pytest.mark.parametrize("is_broken", [False, True])
    def test_results_of_this_commit_are_published(
        self, example: Example, broker: FakeBroker, is_broken: bool
    ) -> None:
        if is_broken:
            edit = ('404, "book_not_found"', '410, "gone"')
            example.edit("catalog/app/main.py", edit)
        example.git("commit", "--quiet", "--allow-empty", "--all", "--message", "Next")
        head = git(example.root, "rev-parse", "HEAD")
        assert example.gate.check(["catalog"]) is not is_broken
        said = "broken" if is_broken else "verified"
        assert f"The result of shop-catalog.json is published: {said}." in publish(example, broker)
        results = f"/pacts/provider/catalog/consumer/shop/version/{head}/verification-results"
        result = broker.published[results]
        assert (result["success"], result["providerApplicationVersion"]) == (not is_broken, head)
        assert len(result["testResults"]) == 12
        assert f"/pacticipants/catalog/branches/main/versions/{head}" in broker.published

    def test_without_a_result_none_is_published(self, example: Example, broker: FakeBroker) -> None:
        assert example.gate.check(["catalog"])
        example.git("commit", "--quiet", "--allow-empty", "--message", "Next")
        lines = publish(example, broker)
        assert any("There is no result of shop-catalog.json" in line for line in lines)
        assert not [path for path in broker.published if path.endswith("results")]

    def test_result_of_an_external_pact_is_of_the_version_that_was_verified(
        self, example: Example, broker: FakeBroker
    ) -> None:
        broker.add_kiosk()
        assert fetch(example.gate.workspace, {"PACT_BROKER_BASE_URL": broker.url})
        example.git("add", ".")
        example.git("commit", "--quiet", "--message", "The kiosk's pact")
        assert example.gate.check(["catalog"])
        assert "The result of kiosk-catalog.json is published: verified." in publish(
            example, broker
        )
        (pact,) = (each for path, each in broker.pacts.items() if "kiosk" in path)
        pact["interactions"][0]["response"]["status"] = 201
        lines = publish(example, broker)
        assert any(
            "the broker has another version. Run `contracts fetch`" in line for line in lines
        )

    @pytest.mark.parametrize("status", [401, 404, 409, 500])
    def test_broker_that_rejects_is_a_failure(
        self, example: Example, broker: FakeBroker, status: int
    ) -> None:
        broker.status = status
        with pytest.raises(ContractError, match=f"POST /contracts/publish with {status}") as raised:
            publish(example, broker, PACT_BROKER_TOKEN=TOKEN)
        assert TOKEN not in str(raised.value)

    def test_uncommitted_contracts_are_not_published(
        self, example: Example, broker: FakeBroker
    ) -> None:
        example.write("contracts/pacts/shop-catalog.json", "{}")
        with pytest.raises(ContractError, match=r"shop-catalog\.json"):
            publish(example, broker)
        assert broker.published == {}

    def test_nothing_is_published_without_a_broker(self, example: Example) -> None:
        assert publish(example, FakeBroker()) == [
            "PACT_BROKER_BASE_URL is not set: nothing was published."
        ]


class TestConnection:
    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ({"PACT_BROKER_TOKEN": TOKEN}, f"Bearer {TOKEN}"),
            (
                {"PACT_BROKER_USERNAME": "ci", "PACT_BROKER_PASSWORD": TOKEN},
                f"Basic {base64.b64encode(f'ci:{TOKEN}'.encode()).decode()}",
            ),
        ],
        ids=["token", "password"],
    )
    def test_credentials_are_sent(
        self, example: Example, broker: FakeBroker, sent: dict[str, str], expected: str
    ) -> None:
        publish(example, broker, **sent)
        assert broker.credentials == {expected}

    @pytest.mark.parametrize(
        "secret", [{"PACT_BROKER_TOKEN": TOKEN}, {"PACT_BROKER_PASSWORD": TOKEN}], ids=str
    )
    def test_credentials_are_not_sent_unencrypted(
        self, example: Example, secret: dict[str, str]
    ) -> None:
        with pytest.raises(ContractError, match="Use an https address"):
            publish(example, FakeBroker("http://broker.example"), **secret)

    def test_password_in_the_address_is_an_error(self, example: Example) -> None:
        with pytest.raises(ContractError, match="Set PACT_BROKER_USERNAME and") as raised:
            publish(example, FakeBroker(f"https://someone:{TOKEN}@broker.example"))
        assert TOKEN not in str(raised.value)

    def test_unavailable_broker_is_a_failure(
        self, example: Example, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(broker_module, "_RETRIES", 0)
        with pytest.raises(ContractError, match="The broker doesn't answer") as raised:
            publish(example, FakeBroker("http://127.0.0.1:9"), PACT_BROKER_TOKEN=TOKEN)
        assert TOKEN not in str(raised.value)

    def test_other_server_is_no_broker(
        self, example: Example, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FakeBroker, "answer", lambda *_: (200, {"_links": {}}))
        with pytest.raises(ContractError, match="has no relation pb:publish-contracts"):
            publish(example, broker)


class TestFetch:
    @pytest.fixture
    def run(
        self, example: Example, broker: FakeBroker, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[str], int]:
        monkeypatch.setenv("PACT_BROKER_BASE_URL", broker.url)
        return lambda command: cli.main([command], start=example.root)

    def test_pacts_of_consumers_elsewhere_are_written_once(
        self,
        example: Example,
        broker: FakeBroker,
        run: Callable[[str], int],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        broker.add_kiosk()
        assert run("publish") == 0  # its own pacts are in the broker, too
        assert run("fetch") == 0
        assert "wrote " in capsys.readouterr().out
        files = [path.name for path in example.path("contracts/external").iterdir()]
        assert files == ["kiosk-catalog.json"]
        assert json.loads(
            example.path("contracts/external/kiosk-catalog.json").read_text()
        ) == json.loads(KIOSK.read_text())
        assert run("fetch") == 0
        assert "contracts/external is up to date." in capsys.readouterr().out

    def test_fetch_without_a_broker_fails(
        self, run: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PACT_BROKER_BASE_URL")
        assert run("fetch") == 1


class TestBranch:
    @pytest.fixture(autouse=True)
    def detached(self, example: Example) -> None:
        example.git("checkout", "--quiet", "--detach")

    @pytest.mark.parametrize("name", BRANCH_VARIABLES)
    def test_branch_of_the_pipeline_is_used(
        self, example: Example, broker: FakeBroker, name: str
    ) -> None:
        publish(example, broker, **{name: "feature"})
        assert broker.published["/contracts/publish shop"]["branch"] == "feature"

    def test_branch_option_comes_first(self, example: Example, broker: FakeBroker) -> None:
        publish(example, broker, branch="mine", CI_COMMIT_REF_NAME="feature")
        assert broker.published["/contracts/publish shop"]["branch"] == "mine"

    def test_unknown_branch_is_a_failure(self, example: Example, broker: FakeBroker) -> None:
        with pytest.raises(ContractError, match="Add --branch=main"):
            publish(example, broker)
