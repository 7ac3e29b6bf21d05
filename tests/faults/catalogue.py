"""Which faults there are: what is done, and to which containers."""

from collections.abc import Sequence
from dataclasses import dataclass

import harm
from containers import Project
from docker.models.containers import Container
from harm import Harm


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`service` is a name of docker-compose.yml; of its containers the first is harmed, or all."""

    done: str
    harm: Harm
    service: str
    is_for_all: bool = False
    lasts_seconds: float = 3.0
    is_quick: bool = False
    """Among those that are tried on each change."""

    def __str__(self) -> str:
        which = f"all of {self.service}" if self.is_for_all else self.service
        seconds = f" for {self.lasts_seconds:g} s" if self.lasts_seconds else ""
        return f"{which} {self.done}{seconds}"

    def containers(self, project: Project) -> Sequence[Container]:
        copies = project.containers(self.service)
        return copies if self.is_for_all else copies[:1]

    @property
    def spares_reads(self) -> bool:
        """Reads of items go on without users, and without users' database."""
        return self.service.startswith("users")


_TARGETS = ("users", "items", "users-db", "items-db", "proxy")
_HARMS: dict[str, Harm] = {
    "killed": harm.killed,
    "paused": harm.paused,
    "disconnected": harm.disconnected,
}
_QUICK = {
    ("users", "killed"),
    ("items", "killed"),
    ("items-db", "killed"),
    ("users-db", "disconnected"),
}

FAULTS = [
    *(
        Fault(done=done, harm=harm_, service=service, is_quick=(service, done) in _QUICK)
        for service in _TARGETS
        for done, harm_ in _HARMS.items()
    ),
    *(
        Fault(done="restarted", harm=harm.restarted, service=service, lasts_seconds=0)
        for service in _TARGETS
    ),
    Fault(done="given new addresses", harm=harm.readdressed, service="items", is_for_all=True),
    Fault(
        done="stopped",
        harm=harm.stopped,
        service="users",
        is_for_all=True,
        lasts_seconds=8,
        is_quick=True,
    ),
    Fault(done="stopped", harm=harm.stopped, service="users", is_for_all=True, lasts_seconds=60),
]
