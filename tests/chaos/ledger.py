"""What the services have said, and what may be so though they didn't say it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class KnownItem:
    owner_id: int
    names: set[str]
    """What it may be called: more than one when no answer came to a change."""
    may_be_gone: bool = False


@dataclass
class KnownUser:
    names: set[str]
    may_be_gone: bool = False
    is_gone: bool = False
    """The deletion was acknowledged."""


@dataclass
class Ledger:
    users: dict[int, KnownUser] = field(default_factory=dict)
    items: dict[int, KnownItem] = field(default_factory=dict)
    deleted_items: set[int] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    """Operations by what came of them."""
    surprises: list[str] = field(default_factory=list)
    """Answers that no client should ever see."""
    failed_at: list[float] = field(default_factory=list)
    """When each request got a 503 or no answer, by time.monotonic()."""
    faults: Counter[str] = field(default_factory=Counter)
