"""Injects faults into processes and the database, one after the other, and ends each after a while."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from chassis.db.database import Database
from service_testing.nats_server import NatsServer
from service_testing.postgres import Cluster
from tests.e2e.chaos.clocks import Clock
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.parts import parts
from tests.e2e.processes import LocalStack, ServiceProcess

_STEPS_SECONDS = (-3600, -30, 30, 3600)
_LOCK_TABLES = """
DO $$ BEGIN EXECUTE (
    SELECT 'LOCK TABLE ' || string_agg(format('%I', tablename), ', ' ORDER BY tablename)
    FROM pg_tables WHERE schemaname = 'public'
); END $$
"""
_END_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class FaultInjector:
    def __init__(
        self,
        stack: LocalStack,
        relays: Sequence[ServiceProcess],
        cluster: Cluster | None,
        clocks: Mapping[str, Clock],
        ledger: Ledger,
        seed: str,
    ) -> None:
        """`clocks` are by the names of their processes."""
        self._ledger = ledger
        self._random = random.Random(seed)  # noqa: S311 - chooses the next fault
        self._faults: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        for process in (*stack.services, *relays):
            self._add(f"{process.name} killed", self._kill, process)
            self._add(f"{process.name} restarted", self._restart, process)
            self._add(f"{process.name} paused", self._pause, process)
        for name, part in parts().items():
            for command in part.COMMANDS:
                self._add(f"{name} {command}", self._command, getattr(stack, name), command)
        for name, clock in clocks.items():
            self._add(f"clock of {name} stepped", self._step, clock)
        for service in stack.services:
            if service.service.database:
                self._add(f"database of {service.name} locked", self._lock, service.database_url)
        if stack.nats and stack.broker:
            self._add("broker killed", self._kill_broker, stack.nats)
            self._add("broker paused", self._pause_broker, stack.nats)
            self._add("stream deleted", self._during, stack.broker.stream_deleted)
            self._add("consumer deleted", self._during, stack.broker.consumer_deleted)
            self._add("events redelivered", self._during, stack.broker.redelivering)
        if cluster is not None:
            self._add("database crashed", self._crash, cluster)
            self._add("database crashed", self._crash, cluster)
            self._add("database connections ended", self._end_connections, cluster)

    async def run(self, is_enough: Callable[[], bool]) -> None:
        """Inject faults until it is enough. At the end everything runs again."""
        while not is_enough():
            await asyncio.sleep(self._random.uniform(0.2, 1.5))
            name, fault = self._random.choice(self._faults)
            self._ledger.faults[name] += 1
            await fault()

    def _add(self, name: str, fault: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._faults.append((name, lambda: fault(*arguments)))

    async def _kill(self, process: ServiceProcess) -> None:
        self._ledger.kills += 1
        await asyncio.to_thread(process.kill)
        await self._wait()
        process.start()

    async def _restart(self, process: ServiceProcess) -> None:
        code = await asyncio.to_thread(process.stop)
        # -SIGTERM: the signal came before the process had installed its handler.
        if code not in {0, -signal.SIGTERM}:
            self._ledger.undocumented.append(f"{process.name} ended with {code} after a SIGTERM")
        process.start()

    async def _pause(self, process: ServiceProcess) -> None:
        process.send(signal.SIGSTOP)
        await self._wait()
        process.send(signal.SIGCONT)

    async def _crash(self, cluster: Cluster) -> None:
        self._ledger.kills += 1
        await asyncio.to_thread(cluster.crash)
        await self._wait()
        await asyncio.to_thread(cluster.start)

    async def _kill_broker(self, nats: NatsServer) -> None:
        self._ledger.kills += 1
        nats.kill()
        await self._wait()
        await asyncio.to_thread(nats.start)

    async def _pause_broker(self, nats: NatsServer) -> None:
        with nats.paused():
            await self._wait()

    async def _during(self, fault: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        async with fault():
            await self._wait()

    async def _step(self, clock: Clock) -> None:
        clock.set(self._random.choice(_STEPS_SECONDS))
        await self._wait()
        clock.set(0)

    async def _lock(self, url: str) -> None:
        """Hold every lock that a writer needs, as a migration or a person does."""
        async with aclosing(Database(url)) as database:
            with suppress(SQLAlchemyError, ConnectionError):  # it lost its race with another fault
                async with database.transaction() as session:
                    if not database.is_sqlite:
                        connection = await session.connection()
                        await connection.execute(text(_LOCK_TABLES))
                    await self._wait()

    async def _end_connections(self, cluster: Cluster) -> None:
        async with aclosing(Database(cluster.url)) as database, database.write_session() as session:
            connection = await session.connection()
            await connection.execute(text(_END_CONNECTIONS))

    async def _command(self, process: ServiceProcess, command: str) -> None:
        """It may fail because another service is unavailable; then nothing has changed."""
        code = await asyncio.to_thread(process.try_command, command)
        self._ledger.outcomes[f"{command} {'failed' if code else 'done'}"] += 1

    async def _wait(self) -> None:
        await asyncio.sleep(self._random.uniform(0.1, 2.5))
