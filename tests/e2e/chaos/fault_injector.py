"""Injects faults into processes and the database, one after the other, and ends each after a while."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence

from service_testing.postgres import Cluster
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.parts import parts
from tests.e2e.processes import LocalStack, ServiceProcess


class FaultInjector:
    def __init__(
        self,
        stack: LocalStack,
        relays: Sequence[ServiceProcess],
        cluster: Cluster | None,
        ledger: Ledger,
        seed: str,
    ) -> None:
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
        if cluster is not None:
            self._add("database crashed", self._crash, cluster)
            self._add("database crashed", self._crash, cluster)

    async def run(self, seconds: float) -> None:
        """Inject faults for so long. At the end everything runs again."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(self._random.uniform(0.2, 1.5))
            name, fault = self._random.choice(self._faults)
            self._ledger.faults[name] += 1
            await fault()

    def _add(self, name: str, fault: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._faults.append((name, lambda: fault(*arguments)))

    async def _kill(self, process: ServiceProcess) -> None:
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
        await asyncio.to_thread(cluster.crash)
        await self._wait()
        await asyncio.to_thread(cluster.start)

    async def _command(self, process: ServiceProcess, command: str) -> None:
        """It may fail because another service is unavailable; then nothing has changed."""
        code = await asyncio.to_thread(process.try_command, command)
        self._ledger.outcomes[f"{command} {'failed' if code else 'done'}"] += 1

    async def _wait(self) -> None:
        await asyncio.sleep(self._random.uniform(0.1, 2.5))
