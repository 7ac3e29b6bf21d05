"""What `frozen_time` stops, and what it doesn't stop."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from textwrap import dedent
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth.tokens import TokenVerifier
from chassis.db.columns import utc_now
from chassis.web.errors import InvalidToken
from service_testing.frozen_time import FrozenTime, frozen
from service_testing.live_server import LiveServer
from service_testing.tokens import TokenIssuer


def _seconds(clock: Callable[[], float] = time.monotonic) -> float:
    return clock()


LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)


class TestFrozen:
    def test_tick_moves_the_clock(self, frozen_time: FrozenTime) -> None:
        start = frozen_time.now
        assert start == frozen_time.now == utc_now()
        clocks = time.time(), time.monotonic()
        frozen_time.tick(30, minutes=1)
        assert utc_now() - start == timedelta(seconds=90)
        assert time.time() - clocks[0] == pytest.approx(90)
        assert time.monotonic() - clocks[1] == pytest.approx(90)

    def test_move_to_goes_back_in_time(self, frozen_time: FrozenTime) -> None:
        frozen_time.move_to(LONG_AGO)
        assert utc_now() == LONG_AGO

    def test_moment_without_a_time_zone_is_an_error(self, frozen_time: FrozenTime) -> None:
        with pytest.raises(ValueError, match="time zone"):
            frozen_time.move_to(LONG_AGO.replace(tzinfo=None))

    async def test_token_expires(self, frozen_time: FrozenTime, token_issuer: TokenIssuer) -> None:
        verifier = TokenVerifier(token_issuer, audience="example", issuer="issuer")
        token = token_issuer.token()
        frozen_time.tick(minutes=15)
        await verifier.principal(token)  # within the leeway
        frozen_time.tick(11)
        with pytest.raises(InvalidToken):
            await verifier.principal(token)

    @pytest.mark.slow
    def test_other_threads_can_read_the_clocks_at_any_time(self) -> None:
        """Such as a live server's, while a test begins or ends to freeze them."""
        failures: list[Exception] = []
        is_over = Event()

        def read_clocks() -> None:
            while not is_over.is_set():
                try:
                    datetime.now(UTC)
                    time.time()
                    time.monotonic()
                except Exception as error:  # noqa: BLE001 - whatever it is
                    failures.append(error)

        readers = [Thread(target=read_clocks) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for _ in range(20):
                with frozen():
                    pass
        finally:
            is_over.set()
            for reader in readers:
                reader.join()
        assert failures == []

    async def test_time_stands_still_in_the_live_server(
        self, frozen_time: FrozenTime, live_server: LiveServer
    ) -> None:
        frozen_time.move_to(LONG_AGO)
        async with live_server.client() as client:
            assert datetime.fromisoformat((await client.get("/now")).json()) == LONG_AGO


class TestNotFrozen:
    async def test_event_loop_is_not_frozen(self, frozen_time: FrozenTime) -> None:
        before = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        assert asyncio.get_running_loop().time() > before

    def test_event_loop_that_is_about_to_read_its_clock_is_not_frozen(self) -> None:
        """Runs in a process of its own, because only the first freeze could be missed."""
        code = """
            import asyncio
            from service_testing.frozen_time import frozen
            loop = asyncio.new_event_loop()
            time = loop.time
            before = time()
            with frozen():
                print(time() - before)
        """
        done = subprocess.run(
            [sys.executable, "-c", dedent(code)], capture_output=True, check=True, text=True
        )
        assert 0 <= float(done.stdout) < 60

    async def test_database_is_not_frozen(
        self, frozen_time: FrozenTime, session: AsyncSession
    ) -> None:
        frozen_time.move_to(LONG_AGO)
        now = str(await session.scalar(text("SELECT CURRENT_TIMESTAMP")))
        assert not now.startswith("2001")

    def test_other_process_is_not_frozen(self, frozen_time: FrozenTime) -> None:
        frozen_time.move_to(LONG_AGO)
        code = "import datetime; print(datetime.datetime.now().year)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert int(done.stdout) > 2001

    def test_clock_that_was_passed_on_before_is_not_frozen(self, frozen_time: FrozenTime) -> None:
        before = _seconds()
        frozen_time.tick(days=1)
        assert _seconds() - before < 60

    def test_duration_that_pytest_measures_is_not_frozen(self, pytester: pytest.Pytester) -> None:
        pytester.makepyfile("def test_frozen(frozen_time): frozen_time.tick(days=1)")
        reports = pytester.inline_run().getreports("pytest_runtest_logreport")
        assert len(reports) == 3
        assert all(0 <= report.duration < 60 for report in reports)


def test_clock_runs_after_the_test() -> None:
    assert abs(time.time() - datetime.now(UTC).timestamp()) < 5
    assert utc_now().year > LONG_AGO.year


class TickingThread(Thread):
    """An event loop that sleeps repeatedly, like that of a server."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.is_over = False
        self._ticked = Event()

    def run(self) -> None:
        asyncio.run(self._tick())

    def ticks(self) -> bool:
        """Whether it still runs."""
        self._ticked.clear()
        return self._ticked.wait(timeout=60)

    async def _tick(self) -> None:
        while not self.is_over:
            self._ticked.set()
            await asyncio.sleep(0.0001)


def test_loop_in_another_thread_runs_while_time_is_frozen_and_unfrozen() -> None:
    thread = TickingThread()
    thread.start()
    for _ in range(5):
        with frozen() as clock:
            clock.move_to(LONG_AGO)
            assert thread.ticks()
        assert thread.ticks()
    thread.is_over = True
    thread.join(timeout=60)
    assert not thread.is_alive()
