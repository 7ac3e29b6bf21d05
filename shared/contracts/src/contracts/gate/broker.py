"""A Pact Broker, if one is configured: publishes pacts and verification results, and fetches external pacts.

It follows the links (HAL) of the broker's index. Address and credentials are in the environment variables of
Pact's own tools: PACT_BROKER_BASE_URL, PACT_BROKER_TOKEN or PACT_BROKER_USERNAME and PACT_BROKER_PASSWORD.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from contracts.errors import ContractError
from contracts.gate.deployed import Deployments, git
from contracts.gate.records import join
from contracts.gate.workspace import Workspace
from contracts.pacts import canonical, external
from contracts.report.rows import BROKEN, UNKNOWN, VERIFIED, Row, rows_of

BRANCH_VARIABLES = ("CI_COMMIT_REF_NAME", "GITHUB_HEAD_REF", "GITHUB_REF_NAME")
"""The branch in a pipeline, where HEAD is detached."""
_LOCAL = ("127.0.0.1", "::1", "localhost")
_RETRIES, _TIMEOUT_SECONDS = 2, 30


@dataclass(frozen=True)
class Broker:
    client: httpx.Client
    index: Mapping[str, Any]

    def send(
        self, method: str, url: str, content: Any = None, *, is_known: bool = True
    ) -> dict[str, Any]:
        """Raises `ContractError` for anything but a 2xx response; 404 is nothing, if it isn't known."""
        try:
            response = self.client.request(method, url, json=content)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise ContractError(f"The broker doesn't answer: {reason}") from None
        if response.status_code == HTTPStatus.NOT_FOUND and not is_known:
            return {}
        if not response.is_success:
            what = f"{method} {urlsplit(url).path} with {response.status_code}"
            raise ContractError(f"The broker answers {what}: {response.text[:500]}")
        found: dict[str, Any] = response.json() if response.content else {}
        return found

    def link(self, relation: str, **values: str) -> str:
        """The address of a relation in the index, with its parameters filled in."""
        if relation not in self.index:
            raise ContractError(
                f"The broker has no relation {relation}: it is too old, or no broker."
            )
        href = str(self.index[relation]["href"])
        for name, value in values.items():
            href = href.replace(f"{{{name}}}", quote(value, safe=""))
        return href

    def pacts_elsewhere(self, workspace: Workspace) -> Iterator[dict[str, Any]]:
        """The pacts of the main branches of consumers that aren't in the workspace."""
        selectors = {"consumerVersionSelectors": [{"mainBranch": True}]}
        for name in workspace.participants:
            relation = self.link("pb:provider-pacts-for-verification", provider=name)
            found = self.send("POST", relation, selectors, is_known=False).get("_embedded", {})
            for each in found.get("pacts", ()):
                pact = self.send("GET", each["_links"]["self"]["href"])
                if pact["consumer"]["name"] not in workspace.participants:
                    yield pact


def publish(
    workspace: Workspace, environment: Mapping[str, str], *, branch: str | None = None
) -> list[str]:
    """Publish the committed pacts, and the results of `contracts check` for this commit.

    Returns:
        A sentence for each pact and each result.

    Raises:
        ContractError: the pacts are not committed, or the broker rejects something.
    """
    if not environment.get("PACT_BROKER_BASE_URL"):
        return ["PACT_BROKER_BASE_URL is not set: nothing was published."]
    version, branch = _version(workspace), branch or _branch(workspace, environment)
    rows = rows_of(workspace.contracts.every_interaction(), join(workspace))
    with _connected(environment) as broker:
        pacts = [
            _publish_pact(broker, path, version, branch)
            for path in sorted(workspace.pacts.glob("*.json"))
        ]
        done = [
            f"{_file_name(each)} is published as version {version} of {branch}." for each in pacts
        ]
        return done + [
            _publish_result(broker, pact, rows, version, branch)
            for pact in (*pacts, *broker.pacts_elsewhere(workspace))
            if pact["provider"]["name"] in workspace.participants
        ]


def fetch(workspace: Workspace, environment: Mapping[str, str]) -> list[str]:
    """Write the pacts of consumers elsewhere to `contracts/external`. Raises `ContractError`."""
    if not environment.get("PACT_BROKER_BASE_URL"):
        raise ContractError("PACT_BROKER_BASE_URL is not set: there is no broker to fetch from.")
    with _connected(environment) as broker:
        pacts = list(broker.pacts_elsewhere(workspace))
    done = []
    for pact in pacts:
        path, text = workspace.contracts.external / _file_name(pact), _pact_text(pact)
        external(path, text)  # it can be verified
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            done.append(f"wrote {path}")
    return done


def _publish_pact(broker: Broker, path: Path, version: str, branch: str) -> dict[str, Any]:
    """The pact as the broker has it."""
    pact = json.loads(path.read_bytes())
    consumer, provider = pact["consumer"]["name"], pact["provider"]["name"]
    contract = {
        "consumerName": consumer,
        "providerName": provider,
        "specification": "pact",
        "contentType": "application/json",
        "content": base64.b64encode(path.read_bytes()).decode(),
    }
    content = {
        "pacticipantName": consumer,
        "pacticipantVersionNumber": version,
        "branch": branch,
        "contracts": [contract],
    }
    answer = broker.send("POST", broker.link("pb:publish-contracts"), content)
    return broker.send("GET", answer["_links"]["pb:contracts"][0]["href"])


def _publish_result(
    broker: Broker, pact: Mapping[str, Any], rows: list[Row], version: str, branch: str
) -> str:
    pair = _file_name(pact)
    of_pair = [row for row in rows if row.interaction.file_name == pair]
    outcomes = {row.outcome for row in of_pair}
    if not outcomes or UNKNOWN in outcomes:
        return f"There is no result of {pair}: run `contracts check` on this commit first."
    theirs = {canonical(each.document) for each in external(Path(pair), _pact_text(pact))}
    if theirs != {canonical(row.interaction.document) for row in of_pair}:
        return (
            f"There is no result of {pair}: the broker has another version. Run `contracts fetch`."
        )
    names = {"pacticipant": pact["provider"]["name"], "branch": branch, "version": version}
    broker.send("PUT", broker.link("pb:pacticipant-branch-version", **names), {})
    is_verified = BROKEN not in outcomes
    result = {
        "success": is_verified,
        "providerApplicationVersion": version,
        "verifiedBy": {"implementation": "contracts"},
        "testResults": [
            {
                "interactionDescription": row.interaction.description,
                "success": row.outcome == VERIFIED,
            }
            for row in of_pair
        ],
    }
    broker.send("POST", pact["_links"]["pb:publish-verification-results"]["href"], result)
    return f"The result of {pair} is published: {'verified' if is_verified else 'broken'}."


def _pact_text(pact: Mapping[str, Any]) -> str:
    """The pact without what the broker adds."""
    kept = {key: pact[key] for key in ("consumer", "provider", "metadata")}
    for key in ("interactions", "messages"):
        if key in pact:
            kept[key] = [{k: v for k, v in each.items() if k != "_id"} for each in pact[key]]
    return canonical(kept)


def _file_name(pact: Mapping[str, Any]) -> str:
    return f"{pact['consumer']['name']}-{pact['provider']['name']}.json".replace("/", "_")


def _version(workspace: Workspace) -> str:
    """The commit. Raises `ContractError` if the contracts differ from the committed ones."""
    folder = str(workspace.contracts.folder)
    changed = git(workspace.root, "status", "--porcelain", "--", folder)
    if changed is None:
        raise ContractError(f"git can't read {workspace.root}: the version is unknown.")
    if changed:
        raise ContractError(f"These contracts are not committed. Commit them first.\n{changed}")
    return Deployments(workspace).commit()


def _branch(workspace: Workspace, environment: Mapping[str, str]) -> str:
    named = [environment[name] for name in BRANCH_VARIABLES if environment.get(name)]
    current = (git(workspace.root, "branch", "--show-current") or "").strip()
    if branch := current or next(iter(named), ""):
        return branch
    raise ContractError("HEAD is detached, so the branch is unknown. Add --branch=main.")


@contextmanager
def _connected(environment: Mapping[str, str]) -> Iterator[Broker]:
    url = environment["PACT_BROKER_BASE_URL"]
    token, user, password = (
        environment.get(f"PACT_BROKER_{each}", "") for each in ("TOKEN", "USERNAME", "PASSWORD")
    )
    address = urlsplit(url)
    if address.password:
        raise ContractError("Set PACT_BROKER_USERNAME and PACT_BROKER_PASSWORD, not the address.")
    if (token or password) and address.scheme != "https" and address.hostname not in _LOCAL:
        raise ContractError("The credentials would be sent unencrypted. Use an https address.")
    headers = {"Accept": "application/hal+json, application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(
        headers=headers,
        auth=(user, password) if user and not token else None,
        timeout=_TIMEOUT_SECONDS,
        transport=httpx.HTTPTransport(retries=_RETRIES),
    ) as client:
        yield Broker(client, Broker(client, {}).send("GET", url)["_links"])
