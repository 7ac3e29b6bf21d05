"""The committed pacts, `contracts/pacts/<consumer>-<provider>.json`: the same tests give the same bytes."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from contracts.catalogue import Catalogue, State
from contracts.errors import ContractError
from contracts.external import in_v4
from contracts.schemas import SCHEMA, Schema

FIX = "Run `contracts update`, review what changes, and commit it if the change is intended."


@dataclass(frozen=True)
class Interaction:
    """What the consumer sends, the provider states, and what it reads of the response."""

    consumer: str
    provider: str
    document: Mapping[str, Any]
    """The interaction as in the file, by Pact's specification V4."""
    is_external: bool = False
    """Whether its consumer lives elsewhere: nothing here records it."""

    @property
    def description(self) -> str:
        return str(self.document["description"])

    @property
    def states(self) -> list[State]:
        return [
            State(each["name"], each.get("params", {}))
            for each in self.document.get("providerStates", [])
        ]

    @property
    def test(self) -> str:
        """The consumer's test that recorded it."""
        return str(self.document.get("comments", {}).get("testname", "a test elsewhere"))

    @property
    def schema(self) -> Schema | bool | None:
        """The schema of what the consumer's models read of the response or the message."""
        found: Schema | bool | None = self.document.get("comments", {}).get(SCHEMA)
        return found

    @property
    def request_line(self) -> str:
        """Method, path and query; of a message nothing."""
        if self.is_message:
            return ""
        request = self.document["request"]
        pairs = [
            f"{name}={each}" for name, given in request.get("query", {}).items() for each in given
        ]
        return f"{request['method']} {request['path']}" + (f"?{'&'.join(pairs)}" if pairs else "")

    @property
    def is_message(self) -> bool:
        return bool(self.document["type"] == "Asynchronous/Messages")

    @property
    def key(self) -> tuple[str, str, str]:
        return self.consumer, self.provider, self.description

    @property
    def file_name(self) -> str:
        return f"{self.consumer}-{self.provider}.json"

    @property
    def place(self) -> str:
        """Its file in the folder `contracts`."""
        return f"{'external' if self.is_external else 'pacts'}/{self.file_name}"

    def __str__(self) -> str:
        return f"{self.consumer}: {self.description}"


@dataclass(frozen=True)
class Contracts:
    """The folder `contracts`, which consumers and providers share."""

    folder: Path

    @property
    def pacts(self) -> Path:
        return self.folder / "pacts"

    @property
    def external(self) -> Path:
        """The pacts of consumers elsewhere, which nothing here records."""
        return self.folder / "external"

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.folder / "states.toml")

    def interactions(self, *, provider: str, pacts: Path | None = None) -> list[Interaction]:
        """What all consumers expect of the provider, from the committed pacts or from another folder."""
        self.catalogue.states_of(provider)
        found = self.every_interaction() if pacts is None else read_all(pacts)
        return [each for each in found if each.provider == provider]

    def every_interaction(self) -> list[Interaction]:
        """The interactions of the consumers here and elsewhere.

        Raises:
            ContractError: a file is no pact, or two are of the same consumer and provider.
        """
        found = list(read_all(self.pacts))
        pairs = {each.file_name for each in found}
        for path in sorted(self.external.glob("*.json")):
            of_file = external(path, path.read_text(encoding="utf-8"))
            names = {each.file_name for each in of_file}
            if twice := names & pairs:
                raise ContractError(f"{path} is a second pact of {min(twice)}. Keep one of them.")
            found += of_file
            pairs |= names
        return found


def is_failure(status: int) -> bool:
    """A status that no contract contains, because any provider may return it during an outage."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def read_all(folder: Path) -> Iterator[Interaction]:
    """The interactions of all pacts in the folder and below. Raises as `read_interactions` does."""
    for path in sorted(folder.rglob("*.json")):
        yield from read_interactions(path)


def read_interactions(path: Path) -> list[Interaction]:
    """Raises:
    ContractError: the file isn't a pact, or isn't named after its participants.
    """
    return parsed(path, path.read_text(encoding="utf-8"))


def parsed(path: Path, text: str) -> list[Interaction]:
    """Like `read_interactions`, from the text of that file."""
    try:
        pact = json.loads(text)
        consumer, provider = pact["consumer"]["name"], pact["provider"]["name"]
        found = [Interaction(consumer, provider, each) for each in pact["interactions"]]
        descriptions = [each.description for each in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError(f"{path} is not a pact ({error!r}). {FIX}") from None
    if path.name != f"{consumer}-{provider}.json":
        raise ContractError(f"{path} is the pact of {consumer} with {provider}. {FIX}")
    if len(set(descriptions)) < len(descriptions):
        twice = next(each for each in descriptions if descriptions.count(each) > 1)
        raise ContractError(f"{path} has `{twice}` twice. Only one of them would count. {FIX}")
    return found


def external(path: Path, text: str) -> list[Interaction]:
    """The interactions of a pact of another repository. Raises as `in_v4` does."""
    pact = in_v4(path, text)
    consumer, provider = pact["consumer"]["name"], pact["provider"]["name"]
    return [
        Interaction(consumer, provider, each, is_external=True) for each in pact["interactions"]
    ]


def pact_of(interactions: Sequence[Interaction]) -> str:
    """The canonical text of a pact with these interactions of one consumer and one provider."""
    first = interactions[0]
    in_order = sorted(interactions, key=lambda each: each.description)
    return canonical(
        {
            "consumer": {"name": first.consumer},
            "provider": {"name": first.provider},
            "interactions": [dict(each.document) for each in in_order],
            # Without the versions of Pact's libraries: they change with every upgrade.
            "metadata": {"pactSpecification": {"version": "4.0"}},
        }
    )


def difference(committed: str, now: str, *, context: int = 3) -> list[str]:
    """The lines of a unified difference."""
    old, new = committed.splitlines(), now.splitlines()
    names = ("committed", "generated now")
    return list(difflib.unified_diff(old, new, *names, lineterm="", n=context))


def canonical(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def merged(fragments: Iterable[Interaction]) -> dict[str, str]:
    """The text of each pact by its file's name.

    Raises:
        ContractError: two tests use the same description.
    """
    pacts: dict[str, dict[str, Interaction]] = {}
    for each in fragments:
        pact = pacts.setdefault(each.file_name, {})
        if other := pact.get(each.description):
            raise ContractError(
                f"Two tests use the description `{each}`: {other.test} and {each.test}. Only one "
                "would count. Give each interaction its own description."
            )
        pact[each.description] = each
    return {name: pact_of(list(pact.values())) for name, pact in sorted(pacts.items())}
