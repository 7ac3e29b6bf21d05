"""Starts the services' processes together and ends them together."""

from collections.abc import Sequence
from signal import SIGINT
from time import monotonic

from runner.errors import RunError, Stopped
from runner.events import Events
from runner.log import Log
from runner.process import Process
from runner.readiness import why_not_ready
from runner.services import Service

_READY_SECONDS = 60.0


class Supervisor:
    """Owns the processes: whoever makes one calls `stop` in the end, come what may."""

    def __init__(
        self, services: Sequence[Service], log: Log, events: Events, grace_seconds: float
    ) -> None:
        self.services = services
        self._grace_seconds = grace_seconds
        self._log = log
        self._events = events
        self._running: list[Process] = []

    def migrate(self) -> None:
        """Bring each service's database up to date.

        Raises:
            RunError: a migration failed.
            Stopped: the run was asked to end.
        """
        self._start("migrate")
        while self._running:
            ended = self._next_ended()
            if ended and not ended.succeeded:
                raise RunError(ended.obituary())

    def serve(self) -> None:
        """Start each service and wait until all are ready.

        Raises:
            RunError: one ended, or isn't ready in time.
            Stopped: the run was asked to end.
        """
        self._start("serve")
        deadline = monotonic() + _READY_SECONDS
        for service in self.services:
            while reason := why_not_ready(service):
                self._fail_when_one_ends()
                if monotonic() > deadline:
                    raise RunError(
                        f"{service.name} isn't ready after {_READY_SECONDS:.0f} seconds: {reason}"
                    )

    def watch(self) -> None:
        """Wait for the end of the run; never returns.

        Raises:
            RunError: a service ended.
            Stopped: the run was asked to end.
        """
        while True:
            self._fail_when_one_ends()

    def stop(self) -> bool:
        """End what runs, and tell whether all ended by itself in the time that it was given."""
        for process in self._running:
            process.terminate()
        self._await_the_end()
        for process in self._running:
            self._log.say(f"{process.service.name} did not end when it was asked to: killing it.\n")
            process.kill()
        return not self._running

    def _start(self, command: str) -> None:
        for service in self.services:
            process = Process(service, command, log=self._log, on_end=self._events.ended)
            self._running.append(process)

    def _await_the_end(self) -> None:
        deadline = monotonic() + self._grace_seconds
        while self._running and monotonic() < deadline:
            try:
                self._next_ended()
            except Stopped as stopped:
                # A second SIGTERM is no hurry: make hands on one that reached us as well.
                if stopped.by == SIGINT:
                    return

    def _fail_when_one_ends(self) -> None:
        if ended := self._next_ended():
            raise RunError(ended.obituary())

    def _next_ended(self) -> Process | None:
        ended = self._events.next_ended()
        if ended:
            self._running.remove(ended)
        return ended
