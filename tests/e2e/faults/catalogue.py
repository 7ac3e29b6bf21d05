"""The faults: what happens to which containers."""

from collections.abc import Sequence
from dataclasses import dataclass

from docker.models.containers import Container

from tests.e2e.containers import Project
from tests.e2e.faults import impacts
from tests.e2e.faults.impacts import Impact


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`service` is a name of docker-compose.yml; the fault hits its first container, or all."""

    name: str
    impact: Impact
    service: str
    affects_all: bool = False
    duration_seconds: float = 3.0
    is_quick: bool = False
    """Whether it is tried without `--all-faults`."""

    def __str__(self) -> str:
        which = f"all of {self.service}" if self.affects_all else self.service
        seconds = f" for {self.duration_seconds:g} s" if self.duration_seconds else ""
        return f"{which} {self.name}{seconds}"

    def containers(self, project: Project) -> Sequence[Container]:
        copies = project.containers(self.service)
        return copies if self.affects_all else copies[:1]

    @property
    def leaves_reads_working(self) -> bool:
        """Items can be read without users and without the database of users."""
        return self.service.startswith("users")


_TARGETS = ("users", "items", "users-db", "items-db", "proxy")
_IMPACTS: dict[str, Impact] = {
    "killed": impacts.killed,
    "paused": impacts.paused,
    "disconnected": impacts.disconnected,
}
_QUICK = {
    ("users", "killed"),
    ("items", "killed"),
    ("items-db", "killed"),
    ("users-db", "disconnected"),
}

FAULTS = [
    *(
        Fault(name=name, impact=impact, service=service, is_quick=(service, name) in _QUICK)
        for service in _TARGETS
        for name, impact in _IMPACTS.items()
    ),
    *(
        Fault(name="restarted", impact=impacts.restarted, service=service, duration_seconds=0)
        for service in _TARGETS
    ),
    Fault(
        name="given new addresses", impact=impacts.readdressed, service="items", affects_all=True
    ),
    Fault(
        name="stopped",
        impact=impacts.stopped,
        service="users",
        affects_all=True,
        duration_seconds=8,
        is_quick=True,
    ),
    Fault(
        name="stopped",
        impact=impacts.stopped,
        service="users",
        affects_all=True,
        duration_seconds=60,
    ),
]
