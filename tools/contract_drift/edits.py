"""The edits that are tried, as the files in `edits` have them."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

Kind = Literal["breaking", "harmless", "beyond"]

_OF_ALL = {"id", "what", "file", "old", "new", "also"}
_FIELDS: Mapping[str, set[str]] = {
    "breaking": _OF_ALL | {"caught_by", "names", "is_lazy"},
    "harmless": _OF_ALL,
    "beyond": _OF_ALL | {"test"},
}


class WrongTable(Exception):
    """The files say something that can't be tried. The text says what to mend."""


@dataclass(frozen=True)
class Replacement:
    file: str
    old: str
    """It has to be in the file exactly once."""
    new: str


@dataclass(frozen=True)
class Edit:
    id: str
    kind: Kind
    what: str
    replacements: tuple[Replacement, ...]
    caught_by: str = ""
    """Of a breaking edit: the part of the gate (`findings`) that has to catch it."""
    names: str = ""
    """Of a breaking edit: the interaction, or the test, that has to be named."""
    test: str = ""
    """Of an edit that no contract can see: folder and name of the test that fails for it."""
    is_lazy: bool = False
    """Nobody runs `make contracts` after it."""


def read_edits(folder: Path) -> list[Edit]:
    """Those of all files.

    Raises:
        WrongTable: a field is missing or unknown, or two edits have one id.
    """
    found = [each for path in sorted(folder.glob("*.toml")) for each in _read(path)]
    ids = [each.id for each in found]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise WrongTable(f"There are two edits {', '.join(twice)}.")
    return found


def _read(path: Path) -> Iterator[Edit]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    for kind, edits in tables.items():
        if kind not in _FIELDS:
            raise WrongTable(f"{path}: [[{kind}]] is none of {', '.join(_FIELDS)}.")
        for fields in edits:
            yield _edit(path, cast("Kind", kind), fields)


def _edit(path: Path, kind: Kind, fields: dict[str, Any]) -> Edit:
    needed = _FIELDS[kind] - {"also", "is_lazy"}
    if wrong := (needed - fields.keys()) | (fields.keys() - _FIELDS[kind]):
        name = fields.get("id", "an edit without an id")
        raise WrongTable(f"{path}, {name}: missing or unknown: {', '.join(sorted(wrong))}.")
    also = fields.pop("also", [])
    first = {name: fields.pop(name) for name in ("file", "old", "new")}
    replacements = tuple(Replacement(**each) for each in (first, *also))
    return Edit(kind=kind, replacements=replacements, **fields)
