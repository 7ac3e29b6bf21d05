"""Background tasks: their pauses, failures and stop."""

import asyncio
import signal

import pytest
from prometheus_client import CollectorRegistry
from structlog.types import EventDict

from chassis.ops import background
from chassis.ops.background import BackgroundTasks

LONG = 3600.0


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tasks(registry: CollectorRegistry) -> BackgroundTasks:
    return BackgroundTasks(registry, stop_seconds=10)


@pytest.fixture
def backoffs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many failures in a row each backoff was for; none takes time."""
    asked: list[int] = []

    def none(failures: int, **_: float) -> float:
        asked.append(failures)
        return 0

    monkeypatch.setattr(background, "full_jitter", none)
    return asked


@pytest.fixture
def long_backoffs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "full_jitter", lambda *_, **__: LONG)


class Worker:
    """Works in units; each turn is a pause in seconds, or an exception to raise."""

    def __init__(self, *turns: float | Exception) -> None:
        self._turns = list(turns)
        self._changed = asyncio.Condition()
        self.units = 0

    async def work(self) -> float:
        async with self._changed:
            self.units += 1
            self._changed.notify_all()
        turn = self._turns.pop(0) if self._turns else LONG
        if isinstance(turn, Exception):
            raise turn
        return turn

    async def has_done(self, units: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.units >= units)


class Endless:
    """One unit of work that ends when it is released."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self.is_cancelled = False

    async def work(self) -> float:
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        return 0


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestPauses:
    async def test_pause_of_0_continues_at_once(self, tasks: BackgroundTasks) -> None:
        worker = Worker(0, 0, LONG)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(3)

    async def test_wake_ends_a_pause(self, tasks: BackgroundTasks) -> None:
        worker = Worker()
        task = tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(1)
            await settle()
            assert worker.units == 1
            task.wake()
            await worker.has_done(2)

    async def test_wake_during_a_unit_is_not_lost(self, tasks: BackgroundTasks) -> None:
        endless = Endless()
        task = tasks.add("work", endless.work)
        async with tasks.running():
            await endless.begun.wait()
            task.wake()
            endless.begun.clear()
            endless.may_end.set()
            await endless.begun.wait()

    async def test_wake_before_the_start_has_no_effect(self, tasks: BackgroundTasks) -> None:
        worker = Worker()
        tasks.add("work", worker.work).wake()
        async with tasks.running():
            await worker.has_done(1)
        assert worker.units == 1


class TestFailures:
    async def test_failure_is_logged_counted_and_retried(
        self,
        tasks: BackgroundTasks,
        registry: CollectorRegistry,
        backoffs: list[int],
        logs: list[EventDict],
    ) -> None:
        worker = Worker(ValueError("no"), ValueError("still no"), LONG)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(3)
        assert registry.get_sample_value("background_task_failures_total", {"task": "work"}) == 2
        assert [line["event"] for line in logs] == ["background_task_failed"] * 2
        assert logs[0]["reason"] == "ValueError: no"
        # The traceback once: a database that is unavailable for an hour needs no more.
        assert ["exception" in line for line in logs] == [True, False]

    async def test_success_ends_the_failures_in_a_row(
        self, tasks: BackgroundTasks, backoffs: list[int]
    ) -> None:
        no = ValueError("no")
        worker = Worker(no, no, no, 0, no, LONG)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(6)
        assert backoffs == [1, 2, 3, 1]

    async def test_wake_does_not_shorten_the_backoff(
        self, tasks: BackgroundTasks, long_backoffs: None
    ) -> None:
        worker = Worker(ValueError("no"))
        task = tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(1)
            task.wake()
            await settle()
            assert worker.units == 1

    async def test_process_without_memory_ends_to_be_started_again(
        self, tasks: BackgroundTasks, logs: list[EventDict]
    ) -> None:
        tasks.add("work", Worker(MemoryError()).work)
        is_ending = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_ending.set)
        async with tasks.running():
            await is_ending.wait()
        assert logs[0]["event"] == "out_of_memory"

    async def test_failure_of_one_task_does_not_stop_another(
        self, tasks: BackgroundTasks, long_backoffs: None
    ) -> None:
        failing, other = Worker(ValueError("no")), Worker(0, 0, LONG)
        tasks.add("failing", failing.work)
        tasks.add("other", other.work)
        async with tasks.running():
            await failing.has_done(1)
            await other.has_done(3)


class TestStop:
    async def test_stop_waits_for_the_unit(self, tasks: BackgroundTasks) -> None:
        endless = Endless()
        task = tasks.add("work", endless.work)
        async with tasks.running():
            await endless.begun.wait()
            asyncio.get_running_loop().call_soon(endless.may_end.set)
        assert task.is_stopping
        assert not endless.is_cancelled

    @pytest.mark.parametrize("turn", [LONG, ValueError("no")], ids=["pause", "backoff"])
    async def test_stop_ends_a_pause_and_a_backoff(
        self, tasks: BackgroundTasks, long_backoffs: None, turn: float | Exception
    ) -> None:
        worker = Worker(turn)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(1)
        assert worker.units == 1

    async def test_stop_cancels_a_unit_that_does_not_end(
        self, registry: CollectorRegistry, logs: list[EventDict]
    ) -> None:
        tasks = BackgroundTasks(registry, stop_seconds=0)
        endless = Endless()
        tasks.add("work", endless.work)
        async with tasks.running():
            await endless.begun.wait()
        assert endless.is_cancelled
        assert [(line["event"], line["task"]) for line in logs] == [
            ("background_task_cancelled", "work")
        ]

    async def test_stop_cancels_at_once_what_may_be_cancelled(
        self, tasks: BackgroundTasks, logs: list[EventDict]
    ) -> None:
        endless = Endless()
        tasks.add("listener", endless.work, may_be_cancelled=True)
        async with tasks.running():
            await endless.begun.wait()
        assert endless.is_cancelled
        assert logs == []

    async def test_task_that_is_stopped_before_the_start_does_nothing(
        self, tasks: BackgroundTasks
    ) -> None:
        worker = Worker()
        tasks.add("work", worker.work).stop()
        async with tasks.running():
            await settle()
        assert worker.units == 0


async def test_two_sets_of_tasks_count_failures_together(
    registry: CollectorRegistry, tasks: BackgroundTasks, long_backoffs: None
) -> None:
    others = BackgroundTasks(registry, stop_seconds=10)
    for number, each in enumerate((tasks, others)):
        worker = Worker(RuntimeError("injected"))
        each.add(f"task{number}", worker.work)
        async with each.running():
            await worker.has_done(1)
        labels = {"task": f"task{number}"}
        assert registry.get_sample_value("background_task_failures_total", labels) == 1
