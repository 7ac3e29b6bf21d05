"""Compares the committed pacts and descriptions with what the code gives now."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from contracts.errors import ContractError
from contracts.pacts import (
    FIX,
    canonical,
    difference,
    merged,
    parsed,
    read_all,
    read_interactions,
)

_SHOWN_LINES = 20


def regenerated(fragments: Iterable[Path]) -> dict[str, str]:
    """The pacts that tests recorded in these folders, by file name.

    Raises:
        ContractError: there is none, or two tests use the same description.
    """
    pacts = merged(each for folder in fragments for each in read_all(folder))
    if not pacts:
        raise ContractError("No consumer test recorded an interaction: there are no contracts.")
    return pacts


def differences(pacts: Path, wanted: Mapping[str, str]) -> Iterator[str]:
    """A message for each file that differs from what the code gives; none if all are equal."""
    committed = {path.name: path for path in pacts.glob("*")}
    for name in sorted(committed.keys() - wanted.keys()):
        yield f"{committed[name]}: no test or service produces it any more. {FIX}"
    for name in sorted(wanted.keys() - committed.keys()):
        yield f"{pacts / name}: missing. {FIX}"
    for name in sorted(wanted.keys() & committed.keys()):
        text = committed[name].read_text(encoding="utf-8")
        if text != wanted[name]:
            yield _difference(committed[name], text, wanted[name])


def write(pacts: Path, wanted: Mapping[str, str]) -> list[str]:
    """Write these files; returns one line for each file that changed."""
    pacts.mkdir(parents=True, exist_ok=True)
    done = []
    for path in sorted(pacts.glob("*")):
        if path.name not in wanted:
            path.unlink()
            done.append(f"deleted {path}")
    for name, text in wanted.items():
        path = pacts / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            done.append(f"wrote {path}")
    return done


def _difference(path: Path, committed: str, wanted: str) -> str:
    lines = [f"{path} differs from what the code gives now. {FIX}", *_orphans(path, wanted)]
    shown = difference(committed, wanted)
    lines += shown[:_SHOWN_LINES]
    if len(shown) > _SHOWN_LINES:
        lines.append(f"... and {len(shown) - _SHOWN_LINES} more lines")
    return "\n".join(lines)


def _orphans(path: Path, wanted: str) -> Iterator[str]:
    if "interactions" not in json.loads(wanted):  # a description, not a pact
        return
    try:
        committed = {each.description: canonical(each.document) for each in read_interactions(path)}
    except ContractError as error:
        yield str(error)
        return
    now = {each.description: canonical(each.document) for each in parsed(path, wanted)}
    for description in sorted(committed.keys() - now.keys()):
        yield f"  orphan: no test records `{description}`"
    for description in sorted(now.keys() - committed.keys()):
        yield f"  missing: `{description}`"
    for description in sorted(committed.keys() & now.keys()):
        if committed[description] != now[description]:
            yield f"  changed: `{description}`"
