"""Work that a service does in addition to its requests, from the app's start to its stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

import structlog
from prometheus_client import CollectorRegistry, Counter

from chassis.http.backoff import full_jitter

logger = structlog.get_logger(__name__)

_FIRST_BACKOFF_SECONDS = 0.5
_MOST_BACKOFF_SECONDS = 30.0

Work = Callable[[], Awaitable[float]]
"""Does one unit of work, and returns the seconds until the next one: 0 when there is more to do."""


class BackgroundTask:
    """Calls `work` again and again, one unit after the other. Made by `BackgroundTasks.add`."""

    def __init__(
        self, name: str, work: Work, failures: Counter, *, may_be_cancelled: bool = False
    ) -> None:
        self.name = name
        self.may_be_cancelled = may_be_cancelled
        self._work = work
        self._failures = failures.labels(name)
        self._failures_in_a_row = 0
        self._is_woken = asyncio.Event()
        self._is_stopped = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        """The app ends: a long unit checks it and ends early."""
        return self._is_stopped.is_set()

    def wake(self) -> None:
        """End the pause before the next unit, but not a backoff after a failure."""
        self._is_woken.set()

    def stop(self) -> None:
        """Begin no other unit. Doesn't wait for the current one."""
        self._is_stopped.set()
        self._is_woken.set()

    async def run(self) -> None:
        """Work until `stop`. A unit that raises is logged, counted, and tried again later."""
        while not self.is_stopping:
            # Before the unit, which may not see the reason of a later wake-up.
            self._is_woken.clear()
            try:
                pause_seconds = await self._work()
            except Exception as error:  # noqa: BLE001 - the next unit may succeed
                await self._recover(error)
            else:
                self._failures_in_a_row = 0
                await _wait(self._is_woken, pause_seconds)

    async def _recover(self, error: Exception) -> None:
        end_if_out_of_memory(error)
        self._failures_in_a_row += 1
        self._failures.inc()
        backoff_seconds = full_jitter(
            self._failures_in_a_row,
            first_seconds=_FIRST_BACKOFF_SECONDS,
            most_seconds=_MOST_BACKOFF_SECONDS,
        )
        logger.error(
            "background_task_failed",
            task=self.name,
            reason=f"{type(error).__name__}: {error}",
            failures_in_a_row=self._failures_in_a_row,
            again_in_seconds=round(backoff_seconds, 2),
            # One traceback is enough while a database is unavailable for an hour.
            exc_info=error if self._failures_in_a_row == 1 else None,
        )
        await _wait(self._is_stopped, backoff_seconds)


def end_if_out_of_memory(error: Exception) -> None:
    """Let the process end as after SIGTERM, to be started again: its state is doubtful after a failed allocation."""
    if isinstance(error, MemoryError):
        logger.critical("out_of_memory")
        signal.raise_signal(signal.SIGTERM)


_FAILURES: WeakKeyDictionary[CollectorRegistry, Counter] = WeakKeyDictionary()
"""One counter for each registry, however many `BackgroundTasks` an app has."""


def _failures(registry: CollectorRegistry) -> Counter:
    counter = Counter(
        "background_task_failures_total",
        "Units of background work that raised an exception.",
        ("task",),
        registry=registry,
    )
    return _FAILURES.setdefault(registry, counter)


class BackgroundTasks:
    """All background tasks of one app."""

    def __init__(self, registry: CollectorRegistry, *, stop_seconds: float) -> None:
        """At the stop, running units get `stop_seconds` to end; then they are cancelled."""
        self._failures = _FAILURES.get(registry) or _failures(registry)
        self._stop_seconds = stop_seconds
        self._tasks: list[BackgroundTask] = []

    def add(self, name: str, work: Work, *, may_be_cancelled: bool = False) -> BackgroundTask:
        """A task that begins when the app starts. At the stop, one that `may_be_cancelled` is cancelled at once."""
        task = BackgroundTask(name, work, self._failures, may_be_cancelled=may_be_cancelled)
        self._tasks.append(task)
        return task

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the end of the block, and then stop between two units."""
        running = {task: asyncio.create_task(task.run(), name=task.name) for task in self._tasks}
        try:
            yield
        finally:
            for task, run in running.items():
                task.stop()
                if task.may_be_cancelled:
                    run.cancel()
            await self._end(list(running.values()))

    async def _end(self, running: list[asyncio.Task[None]]) -> None:
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self._stop_seconds)
        for run in late:
            logger.warning("background_task_cancelled", task=run.get_name())
            run.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
