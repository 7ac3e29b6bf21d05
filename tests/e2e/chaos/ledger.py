"""What the services acknowledged, and what may have happened although no answer came."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Known:
    """A row that was acknowledged."""

    names: set[str]
    """The row's possible names: more than one when no answer came to a change."""
    owner_id: int = 0
    may_be_deleted: bool = False
    is_deleted: bool = False
    """The deletion was acknowledged."""


@dataclass
class Ledger:
    known: defaultdict[str, dict[int, Known]] = field(default_factory=lambda: defaultdict(dict))
    """The acknowledged rows by service and id."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Operations by their outcome."""
    undocumented: list[str] = field(default_factory=list)
    """Answers that no client should ever get."""
    failed_at: list[float] = field(default_factory=list)
    """When a request got a 503 or no answer, by time.monotonic()."""
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0

    @property
    def first_user(self) -> int:
        """The lowest id: other tests have used the same databases before, and restored one of them."""
        return min(self.known["users"], default=1)
