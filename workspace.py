"""What is in this repository: its services and packages, as their `pyproject.toml` files declare them.

Standard library only, so that make, tox, the pipelines and the tests can all use it.

    [tool.service]
    port = 8002
    token-audience = "items"       # access tokens of users name it
    consumes = ["users"]           # calls their HTTP API
    subscribes = ["users"]         # takes in their events
    database = true
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Service:
    """A folder of `services/`."""

    name: str
    folder: Path
    port: int
    """Where it listens unless `<NAME>_PORT` says otherwise."""
    token_audience: str | None
    consumes: tuple[str, ...]
    subscribes: tuple[str, ...]
    database: bool

    @property
    def prefix(self) -> str:
        """How its environment variables begin: `ITEMS_`."""
        return self.name.upper().replace("-", "_") + "_"

    @property
    def python(self) -> Path:
        """The interpreter of its own environment, which `tox -e run --notest` in its folder makes."""
        folder = "Scripts" if os.name == "nt" else "bin"
        return self.folder / ".tox" / "run" / folder / "python"


def services(root: Path = ROOT) -> list[Service]:
    """Every folder of `services/` with a `[tool.service]` table, those that others need first."""
    found = {file.parent.name: _service(file) for file in _pyprojects(root, "services")}
    ordered: dict[str, Service] = {}

    def add(name: str, path: tuple[str, ...] = ()) -> None:
        if name in ordered or name not in found or name in path:
            return
        for provider in (*found[name].consumes, *found[name].subscribes):
            add(provider, (*path, name))
        ordered[name] = found[name]

    for name in found:
        add(name)
    return list(ordered.values())


def packages(root: Path = ROOT) -> list[Path]:
    """The folder of every package that is tested by itself: `shared/*`, then `services/*`."""
    return [file.parent for parent in ("shared", "services") for file in _pyprojects(root, parent)]


def _pyprojects(root: Path, parent: str) -> list[Path]:
    return sorted((root / parent).glob("*/pyproject.toml"))


def _service(file: Path) -> Service:
    table = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["service"]
    return Service(
        name=file.parent.name,
        folder=file.parent,
        port=table["port"],
        token_audience=table.get("token-audience"),
        consumes=tuple(table.get("consumes", ())),
        subscribes=tuple(table.get("subscribes", ())),
        database=table.get("database", True),
    )
