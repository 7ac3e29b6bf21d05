"""The result of each verification, one file each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter

from contracts.pacts import Interaction


@dataclass(frozen=True)
class Result:
    """The result of one interaction, with its document at that time."""

    interaction: Interaction
    reason: str
    """Why the verification failed; empty if it passed."""
    seconds: float
    finished_at: datetime

    @property
    def is_verified(self) -> bool:
        return not self.reason


_RESULT = TypeAdapter(Result)


def write_result(folder: Path, interaction: Interaction, *, reason: str, seconds: float) -> None:
    """Write it with the present time."""
    folder.mkdir(parents=True, exist_ok=True)
    result = Result(interaction, reason, seconds, datetime.now(UTC))
    (folder / f"{uuid4().hex}.json").write_bytes(_RESULT.dump_json(result))


def read_results(folder: Path) -> list[Result]:
    """The results in the order of their times."""
    results = [_RESULT.validate_json(path.read_bytes()) for path in folder.glob("*.json")]
    return sorted(results, key=lambda each: each.finished_at)
