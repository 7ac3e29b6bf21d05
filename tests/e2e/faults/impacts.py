"""What faults do to containers. Each is undone at the end of its block."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from docker.models.containers import Container
from docker.models.networks import Network

from tests.e2e.compose import ComposeStack
from tests.e2e.containers import Project, is_healthy, run

Impact = Callable[[ComposeStack, Sequence[Container]], AbstractAsyncContextManager[None]]
_STOP_SECONDS = 30
_HEALTHY_WITHIN_SECONDS = 240.0
_FILLING = "/data/filling"


@asynccontextmanager
async def killed(_: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    """The containers crash, as with their machine."""
    await _each(containers, Container.kill)
    try:
        yield
    finally:
        await _each(containers, Container.start)


@asynccontextmanager
async def paused(_: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    """The containers freeze: they accept connections and answer nothing, like a process that swaps.

    Docker 26 with cgroup v1 may hang when a health check starts at this moment, so this is not a quick fault.
    """
    await _each(containers, Container.pause)
    try:
        yield
    finally:
        await _each(containers, Container.unpause)


@asynccontextmanager
async def disconnected(stack: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    """Running, but without a network."""
    async with _without_network(stack.project, containers):
        yield


@asynccontextmanager
async def readdressed(stack: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    """Disconnected, and reconnected under other addresses: old connections lead nowhere."""
    async with _without_network(stack.project, containers, readdress=True):
        yield


@asynccontextmanager
async def _without_network(
    project: Project, containers: Sequence[Container], *, readdress: bool = False
) -> AsyncIterator[None]:
    networks = deque(
        (project.network(name), container, settings["Aliases"], settings["IPAddress"])
        for container in containers
        for name, settings in container.attrs["NetworkSettings"]["Networks"].items()
    )
    for network, container, *_ in networks:
        await asyncio.to_thread(network.disconnect, container)
    try:
        yield
    finally:
        while networks:
            network, container, aliases, address = networks.popleft()
            await asyncio.to_thread(network.connect, container, aliases=aliases)
            # It gets the lowest address that is free. If that is its old one, another container is to get it.
            if readdress and _address(container, network) == address:
                await asyncio.to_thread(network.disconnect, container)
                networks.append((network, container, aliases, address))


def _address(container: Container, network: Network) -> str:
    container.reload()
    address: str = container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
    return address


@asynccontextmanager
async def restarted(_: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    """The containers get time to finish, as when an operator restarts them."""
    await _each(containers, _restart)
    yield


@asynccontextmanager
async def stopped(_: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    await _each(containers, _stop)
    try:
        yield
    finally:
        await _each(containers, Container.start)


@asynccontextmanager
async def disk_full(_: ComposeStack, containers: Sequence[Container]) -> AsyncIterator[None]:
    """NATS turns JetStream off when its disk is full, until it is restarted."""
    (nats,) = containers
    await asyncio.to_thread(run, nats, "sh", "-c", f"cat /dev/zero > {_FILLING} || true")
    try:
        yield
        log = await asyncio.to_thread(nats.logs)
        assert b"no space left on device" in log
    finally:
        await asyncio.to_thread(run, nats, "rm", _FILLING)
        await asyncio.to_thread(_restart, nats)


async def rolling_restart(containers: Sequence[Container]) -> None:
    """Restart each container once the one before it is healthy again."""
    for container in containers:
        await asyncio.to_thread(_restart, container)
        await until_healthy(container)


async def until_healthy(container: Container) -> None:
    async with asyncio.timeout(_HEALTHY_WITHIN_SECONDS):
        while not await asyncio.to_thread(is_healthy, container):  # noqa: ASYNC110 - the engine sends no event
            await asyncio.sleep(0.2)


def _restart(container: Container) -> None:
    container.restart(timeout=_STOP_SECONDS)


def _stop(container: Container) -> None:
    container.stop(timeout=_STOP_SECONDS)


async def _each(containers: Sequence[Container], act: Callable[[Container], Any]) -> None:
    await asyncio.gather(*(asyncio.to_thread(act, container) for container in containers))
