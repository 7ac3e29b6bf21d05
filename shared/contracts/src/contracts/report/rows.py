"""A row of the report for each committed interaction, with its verification."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.gate.record import Record
from contracts.pacts import Interaction, canonical
from contracts.results import Result

VERIFIED, BROKEN, UNKNOWN = "verified", "broken", "not verified"


@dataclass(frozen=True)
class Row:
    interaction: Interaction
    outcome: str
    reason: str = ""
    """Why it is broken or not verified."""
    seconds: float | None = None
    finished_at: datetime | None = None

    @property
    def transport(self) -> str:
        return "message" if self.interaction.is_message else "HTTP"

    @property
    def summary(self) -> str:
        if self.interaction.is_message:
            return "message"
        status = self.interaction.document["response"]["status"]
        return f"{self.interaction.request_line} → {status}"

    @property
    def sent(self) -> str:
        """The request, or nothing for a message."""
        if self.interaction.is_message:
            return ""
        return _text(self.interaction.request_line, self.interaction.document["request"])

    @property
    def read(self) -> str:
        """The response or the message, as far as the consumer reads it."""
        document = self.interaction.document
        if self.interaction.is_message:
            return _json(document["contents"].get("content"))
        return _text(str(document["response"]["status"]), document["response"])


def rows_of(interactions: Iterable[Interaction], record: Record) -> list[Row]:
    """Broken interactions come first."""
    results: dict[tuple[str, str, str], list[Result]] = {}
    for result in record.results:
        results.setdefault(result.interaction.key, []).append(result)
    rows = [_row(each, results.get(each.key, []), record) for each in interactions]
    return sorted(rows, key=lambda row: (BROKEN, UNKNOWN, VERIFIED).index(row.outcome))


def _row(interaction: Interaction, results: list[Result], record: Record) -> Row:
    if not results:
        return Row(interaction, UNKNOWN, "No test verified it.")
    # A broken result outweighs the others.
    result = next((each for each in results if not each.is_verified), results[-1])
    outcome, reason = VERIFIED, ""
    if not result.is_verified:
        outcome, reason = BROKEN, result.reason
    elif canonical(result.interaction.document) != canonical(interaction.document):
        outcome, reason = UNKNOWN, "The verified interaction differs from the committed one."
    elif interaction.provider not in record.canaries:
        outcome, reason = (
            UNKNOWN,
            f"No canary ran for {interaction.provider}, so its results are not valid.",
        )
    return Row(interaction, outcome, reason, result.seconds, result.finished_at)


def _text(first: str, part: Mapping[str, Any]) -> str:
    headers = [f"{name}: {', '.join(values)}" for name, values in part.get("headers", {}).items()]
    lines = [first, *headers]
    if "body" in part:
        content = part["body"].get("content")
        lines += ["", content if isinstance(content, str) else _json(content)]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
