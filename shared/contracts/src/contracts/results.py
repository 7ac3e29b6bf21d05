"""The result of each verification, one file each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from contracts.pacts import Interaction


@dataclass(frozen=True)
class Result:
    """Of one interaction, with its document at that time."""

    interaction: Interaction
    reason: str
    """Why the verification failed; empty if it passed."""
    seconds: float
    finished_at: datetime

    @property
    def is_verified(self) -> bool:
        return not self.reason


def write_result(folder: Path, interaction: Interaction, *, reason: str, seconds: float) -> None:
    """Write it with the present time."""
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
