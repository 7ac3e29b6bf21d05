"""What came of each verification: a file for each, that others can count and show."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from service_testing.contracts.pact_files import Interaction


@dataclass(frozen=True)
class Result:
    """Of one interaction, as it was when it was verified."""

    interaction: Interaction
    reason: str
    """Why its promise isn't kept; empty when it is."""
    seconds: float
    finished_at: datetime

    @property
    def is_kept(self) -> bool:
        return not self.reason


def leave_result(folder: Path, interaction: Interaction, *, reason: str, seconds: float) -> None:
    """The time is the present."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "consumer": interaction.consumer,
        "provider": interaction.provider,
        "interaction": interaction.document,
        "reason": reason,
        "seconds": seconds,
        "finished_at": datetime.now(UTC).isoformat(),
    }
    (folder / f"{uuid4().hex}.json").write_text(json.dumps(document), encoding="utf-8")


def read_results(folder: Path) -> Iterator[Result]:
    """In the order of their times."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    for each in sorted(documents, key=lambda each: each["finished_at"]):
        yield Result(
            Interaction(each["consumer"], each["provider"], each["interaction"]),
            each["reason"],
            each["seconds"],
            datetime.fromisoformat(each["finished_at"]),
        )
