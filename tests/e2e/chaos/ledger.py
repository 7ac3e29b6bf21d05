"""What the services acknowledged, and what may have happened although no answer came."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class KnownItem:
    owner_id: int
    names: set[str]
    """Its possible names: more than one when no answer came to a change."""
    may_be_deleted: bool = False


@dataclass
class KnownUser:
    names: set[str]
    may_be_deleted: bool = False
    is_deleted: bool = False
    """The deletion was acknowledged."""


@dataclass
class Ledger:
    users: dict[int, KnownUser] = field(default_factory=dict)
    items: dict[int, KnownItem] = field(default_factory=dict)
    deleted_items: set[int] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    """Operations by their outcome."""
    undocumented: list[str] = field(default_factory=list)
    """Answers that no client should ever get."""
    failed_at: list[float] = field(default_factory=list)
    """When a request got a 503 or no answer, by time.monotonic()."""
    faults: Counter[str] = field(default_factory=Counter)
