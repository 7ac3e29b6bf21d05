import asyncio

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

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


class Worker:
    """Works in units; each turn is a pause in seconds, or an exception to raise."""

    def __init__(self, *turns: float | Exception) -> None:
        self._turns = list(turns)
        self.units = 0
        self._watchers: list[tuple[int, asyncio.Event]] = []

    async def work(self) -> float:
        self.units += 1
        for units, event in self._watchers:
            if self.units >= units:
                event.set()
        turn = self._turns.pop(0) if self._turns else LONG
        if isinstance(turn, Exception):
            raise turn
        return turn

    async def has_done(self, units: int) -> None:
        event = asyncio.Event()
        self._watchers.append((units, event))
        if self.units < units:
            await event.wait()


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestPauses:
    async def test_pause_of_nothing_means_that_there_is_more(self, tasks: BackgroundTasks) -> None:
        worker = Worker(0, 0, LONG)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(3)

    async def test_pause_lasts_until_it_is_woken(self, tasks: BackgroundTasks) -> None:
        worker = Worker()
        task = tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(1)
            await settle()
            assert worker.units == 1
            task.wake()
            await worker.has_done(2)

    async def test_wake_during_a_unit_is_not_lost(self, tasks: BackgroundTasks) -> None:
        units = 0
        is_done = asyncio.Event()

        async def work() -> float:
            nonlocal units
            units += 1
            if units == 1:
                task.wake()
            else:
                is_done.set()
            return LONG

        task = tasks.add("work", work)
        async with tasks.running():
            await is_done.wait()

    async def test_wake_before_the_start_does_no_harm(self, tasks: BackgroundTasks) -> None:
        worker = Worker()
        tasks.add("work", worker.work).wake()
        async with tasks.running():
            await worker.has_done(1)
        assert worker.units == 1


class TestFailures:
    async def test_failure_is_logged_counted_and_tried_again(
        self, tasks: BackgroundTasks, registry: CollectorRegistry, backoffs: list[int]
    ) -> None:
        worker = Worker(ValueError("no"), ValueError("still no"), LONG)
        tasks.add("work", worker.work)
        with capture_logs() as lines:
            async with tasks.running():
                await worker.has_done(3)
        assert registry.get_sample_value("background_task_failures_total", {"task": "work"}) == 2
        assert [line["event"] for line in lines] == ["background_task_failed"] * 2
        assert lines[0]["reason"] == "ValueError: no"
        # The traceback once: what is away for an hour need not tell where each time.
        assert [bool(line["exc_info"]) for line in lines] == [True, False]

    async def test_failures_in_a_row_wait_longer_and_success_ends_the_row(
        self, tasks: BackgroundTasks, backoffs: list[int]
    ) -> None:
        no = ValueError("no")
        worker = Worker(no, no, no, 0, no, LONG)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(6)
        assert backoffs == [1, 2, 3, 1]

    async def test_wake_does_not_shorten_the_backoff(
        self, tasks: BackgroundTasks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(background, "full_jitter", lambda *_, **__: LONG)
        worker = Worker(ValueError("no"))
        task = tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(1)
            task.wake()
            await settle()
            assert worker.units == 1

    async def test_failure_of_one_leaves_the_other_at_work(
        self, tasks: BackgroundTasks, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(background, "full_jitter", lambda *_, **__: LONG)
        broken, sound = Worker(ValueError("no")), Worker(0, 0, LONG)
        tasks.add("broken", broken.work)
        tasks.add("sound", sound.work)
        async with tasks.running():
            await broken.has_done(1)
            await sound.has_done(3)


class TestStop:
    async def test_stop_comes_between_two_units(self, tasks: BackgroundTasks) -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()
        ended: list[bool] = []

        async def work() -> float:
            begun.set()
            await may_end.wait()
            ended.append(task.is_stopping)
            return 0

        task = tasks.add("work", work)
        async with tasks.running():
            await begun.wait()
            asyncio.get_running_loop().call_soon(may_end.set)
        assert ended == [True]

    @pytest.mark.parametrize("turn", [LONG, ValueError("no")], ids=["pause", "backoff"])
    async def test_stop_ends_a_pause_and_a_backoff(
        self,
        tasks: BackgroundTasks,
        monkeypatch: pytest.MonkeyPatch,
        turn: float | Exception,
    ) -> None:
        monkeypatch.setattr(background, "full_jitter", lambda *_, **__: LONG)
        worker = Worker(turn)
        tasks.add("work", worker.work)
        async with tasks.running():
            await worker.has_done(1)
        assert worker.units == 1

    async def test_stop_cancels_a_unit_that_does_not_end(self, registry: CollectorRegistry) -> None:
        tasks = BackgroundTasks(registry, stop_seconds=0)
        cancelled: list[str] = []
        begun = asyncio.Event()

        async def work() -> float:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append("work")
                raise
            return 0

        tasks.add("work", work)
        with capture_logs() as lines:
            async with tasks.running():
                await begun.wait()
        assert cancelled == ["work"]
        assert [(line["event"], line["task"]) for line in lines] == [
            ("background_task_cancelled", "work")
        ]

    async def test_stop_before_the_start_does_no_unit(self, tasks: BackgroundTasks) -> None:
        worker = Worker()
        tasks.add("work", worker.work).stop()
        async with tasks.running():
            await settle()
        assert worker.units == 0

    async def test_stop_cancels_at_once_what_may_be_cancelled(self, tasks: BackgroundTasks) -> None:
        begun = asyncio.Event()

        async def wait_for_ever() -> float:
            begun.set()
            await asyncio.Event().wait()
            return 0

        tasks.add("listener", wait_for_ever, may_be_cancelled=True)
        with capture_logs() as lines:
            async with tasks.running():
                await begun.wait()
        assert lines == []
