"""The faults: what happens to which containers.

Those without `--all-faults` hit the first service, which others need, and the last, which needs others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from docker.models.containers import Container

import workspace
from tests.e2e.chaos.parts import parts
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
    redelivers: bool = False
    """The broker delivers events again."""

    def __str__(self) -> str:
        which = f"all of {self.service}" if self.affects_all else self.service
        seconds = f" for {self.duration_seconds:g} s" if self.duration_seconds else ""
        return f"{which} {self.name}{seconds}"

    def containers(self, project: Project) -> Sequence[Container]:
        copies = project.containers(self.service)
        return copies if self.affects_all else copies[:1]

    @property
    def is_of_broker(self) -> bool:
        """No request needs the broker, so none fails."""
        return self.service == BROKER

    @property
    def marks(self) -> list[str]:
        found = {"slow": not self.is_quick, "broker": self.is_of_broker}
        return [mark for mark, applies in found.items() if applies]

    @property
    def leaves_reads_working(self) -> bool:
        """What is read needs no other service."""
        return self.service not in {"proxy", READ, f"{READ}-db"}


BROKER = "nats"
_SERVICES = workspace.services()
_FIRST, _LAST = _SERVICES[0].name, _SERVICES[-1].name
_TARGETS = (
    *(each.name for each in _SERVICES),
    *(f"{each.name}-db" for each in _SERVICES if each.database),
    "proxy",
    BROKER,
)
READ = list(parts())[-1]
"""The service whose public paths are read under load."""
_IMPACTS: dict[str, Impact] = {
    "killed": impacts.killed,
    "paused": impacts.paused,
    "disconnected": impacts.disconnected,
}
_QUICK = {
    (_FIRST, "killed"),
    (_LAST, "killed"),
    (f"{_LAST}-db", "killed"),
    (f"{_FIRST}-db", "disconnected"),
    (BROKER, "killed"),
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
    Fault(name="with a full disk", impact=impacts.disk_full, service=BROKER),
    Fault(
        name="without its streams",
        impact=lambda stack, _: stack.broker.stream_deleted(),
        service=BROKER,
        redelivers=True,
    ),
    Fault(
        name="without its consumers",
        impact=lambda stack, _: stack.broker.consumer_deleted(),
        service=BROKER,
        redelivers=True,
        is_quick=True,
    ),
    Fault(
        name="redelivering",
        impact=lambda stack, _: stack.broker.redelivering(),
        service=BROKER,
        redelivers=True,
    ),
    # Longer than a broker waits for an acknowledgement.
    Fault(name="paused", impact=impacts.paused, service=_LAST, duration_seconds=35),
    Fault(name="given new addresses", impact=impacts.readdressed, service=_LAST, affects_all=True),
    Fault(
        name="stopped",
        impact=impacts.stopped,
        service=_FIRST,
        affects_all=True,
        duration_seconds=8,
        is_quick=True,
    ),
    Fault(
        name="stopped",
        impact=impacts.stopped,
        service=_FIRST,
        affects_all=True,
        duration_seconds=60,
    ),
]
