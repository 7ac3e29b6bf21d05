"""What goes wrong: one thing after the other, and each is mended after a while."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

from ledger import Ledger
from processes import LocalStack, ServiceProcess

from service_testing.postgres import Cluster


class Monkey:
    def __init__(
        self,
        stack: LocalStack,
        relay: ServiceProcess,
        cluster: Cluster | None,
        ledger: Ledger,
        seed: str,
    ) -> None:
        self._ledger = ledger
        self._random = random.Random(seed)  # noqa: S311 - which fault comes next
        self._faults: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        for service in (*stack.services, relay):
            self._add(f"{service.name} killed", self._kill, service)
            self._add(f"{service.name} restarted", self._restart, service)
            self._add(f"{service.name} paused", self._pause, service)
        self._add("owners rebuilt", self._resync, stack.items)
        if cluster is not None:
            self._add("database crashed", self._crash, cluster)
            self._add("database crashed", self._crash, cluster)

    async def rage(self, seconds: float) -> None:
        """Do harm for so long. All is well again at the end."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(self._random.uniform(0.2, 1.5))
            name, fault = self._random.choice(self._faults)
            self._ledger.faults[name] += 1
            await fault()

    def _add(self, name: str, fault: Callable[..., Awaitable[None]], *arguments: object) -> None:
        self._faults.append((name, lambda: fault(*arguments)))

    async def _kill(self, service: ServiceProcess) -> None:
        await asyncio.to_thread(service.kill)
        await self._wait()
        service.start()

    async def _restart(self, service: ServiceProcess) -> None:
        code = await asyncio.to_thread(service.stop)
        # Killed by the signal itself: it hadn't come as far as to handle it.
        if code not in {0, -signal.SIGTERM}:
            self._ledger.surprises.append(f"{service.name} ended with {code} after a SIGTERM")
        service.start()

    async def _pause(self, service: ServiceProcess) -> None:
        service.send(signal.SIGSTOP)
        await self._wait()
        service.send(signal.SIGCONT)

    async def _crash(self, cluster: Cluster) -> None:
        await asyncio.to_thread(cluster.crash)
        await self._wait()
        await asyncio.to_thread(cluster.start)

    async def _resync(self, items: ServiceProcess) -> None:
        """It may fail, because users is away; then nothing is worse than before."""
        code = await asyncio.to_thread(items.try_command, "resync")
        self._ledger.outcomes["resync done" if code == 0 else "resync failed"] += 1

    async def _wait(self) -> None:
        await asyncio.sleep(self._random.uniform(0.1, 2.5))
