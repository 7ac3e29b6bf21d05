"""The workspace that the gate looks at: the repository's `[tool.contracts]` and its participants."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from contracts.errors import ContractError
from contracts.openapi.conformance import Description
from contracts.pacts import FIX, Contracts


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`[tool.contracts]`. In commands, `{folder}` is the participant's folder, `{name}` its name."""

    participants: str = "services/*"
    """Glob of the folders of the participants, relative to the repository."""
    branch: str = ""
    """The main branch. Empty: that of `origin`, else `main` or `master`."""
    prepare: str = ""
    """Makes a participant's environment: `tox -q -c {folder} -e contract --notest`. Empty: there is none."""
    python: str = ""
    """Its interpreter: `{folder}/.tox/contract/bin/python`. Empty: the one that runs the gate."""
    tests: str = "tests/contract"
    """The contract tests, relative to the participant's folder."""
    openapi: str = "app.main:create_app"
    """A FastAPI app or a function that returns one, as `module:name`."""
    asyncapi: str = "app.events.description:asyncapi"
    """A function that returns the AsyncAPI document of a service's events. Those without the module have none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables for tests and descriptions; `{NAME}` is the upper-case name."""
    pins: Sequence[str] = ()
    """Files with the pinned versions of an environment: a deployed version's is rebuilt if they change."""


@dataclass(frozen=True, kw_only=True)
class Participant:
    """A service that has contracts: a folder with `[tool.service]` in its pyproject.toml."""

    name: str
    folder: Path
    providers: tuple[str, ...] = ()
    """The services that it consumes or subscribes to."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    root: Path
    settings: Settings
    participants: Mapping[str, Participant]

    @classmethod
    def read(cls, root: Path) -> "Workspace":
        """Raises:
        ContractError: there is no participant, or `[tool.contracts]` has an unknown key.
        """
        settings = _settings(root / "pyproject.toml")
        found = (_participant(path) for path in sorted(root.glob(settings.participants)))
        participants = {each.name: each for each in found if each}
        if not participants:
            raise ContractError(
                f"No folder {root / settings.participants} has a pyproject.toml with [tool.service]: "
                "there is nothing to check. Set `participants` in [tool.contracts]."
            )
        return cls(root=root, settings=settings, participants=participants)

    @property
    def contracts(self) -> Contracts:
        return Contracts(self.root / "contracts")

    @property
    def pacts(self) -> Path:
        return self.contracts.pacts

    @property
    def descriptions(self) -> Path:
        return self.contracts.folder / "openapi"

    @property
    def events(self) -> Path:
        """The AsyncAPI documents."""
        return self.contracts.folder / "asyncapi"

    def events_of(self, service: str) -> Description | None:
        """The committed AsyncAPI document; None if there is none."""
        path = self.events / f"{service}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def description(self, service: str) -> Description:
        """The committed OpenAPI description. Raises `ContractError` if it is missing."""
        path = self.descriptions / f"{service}.json"
        if not path.is_file():
            raise ContractError(f"{path} is missing. {FIX}")
        found: Description = json.loads(path.read_text(encoding="utf-8"))
        return found

    @property
    def bootstrap(self) -> Path:
        return self.contracts.folder / "bootstrap.toml"

    @property
    def records(self) -> Path:
        """Where a run writes what it found, for `contracts report`."""
        return self.root / "contract-records"

    def __getitem__(self, name: str) -> Participant:
        """Raises `ContractError` for an unknown name."""
        if name not in self.participants:
            known = ", ".join(sorted(self.participants))
            raise ContractError(f"There is no service `{name}`; the services are: {known}.")
        return self.participants[name]

    def relative(self, text: str) -> str:
        """The text without the path of the repository, which differs on each machine."""
        return text.replace(f"{self.root}/", "")


def find_root(start: Path) -> Path:
    """The closest folder, from `start` upwards, whose pyproject.toml has `[tool.contracts]`.

    Raises:
        ContractError: there is none.
    """
    for folder in (start, *start.parents):
        if "contracts" in _tools(folder / "pyproject.toml"):
            return folder
    raise ContractError(
        f"No pyproject.toml in {start} or above has a [tool.contracts] table. Add one to the "
        "pyproject.toml in the root of the repository."
    )


def _settings(path: Path) -> Settings:
    table: dict[str, Any] = _tools(path).get("contracts", {})
    if unknown := set(table) - {each.name for each in fields(Settings)}:
        raise ContractError(f"{path}: [tool.contracts] has the unknown key `{min(unknown)}`.")
    return Settings(**table)


def _participant(folder: Path) -> Participant | None:
    table = _tools(folder / "pyproject.toml").get("service")
    if table is None:
        return None
    providers = {*table.get("consumes", ()), *table.get("subscribes", ())}
    return Participant(name=folder.name, folder=folder, providers=tuple(sorted(providers)))


def _tools(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    tools: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    return tools
