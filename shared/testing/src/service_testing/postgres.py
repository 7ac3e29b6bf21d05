"""A PostgreSQL server for tests: found, or started and thrown away.

    python -m service_testing.postgres find
    python -m service_testing.postgres run -- pytest --database=postgres

Looked for in this order: `TEST_POSTGRES_URL`, PostgreSQL's own programs, a Docker engine.
One file and standard library only, because `make test` runs it before anything is installed.
"""
# ruff: noqa: S603 - a program that runs programs

import argparse
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

URL_VARIABLE = "TEST_POSTGRES_URL"
HOW_TO_GET_ONE = (
    "No PostgreSQL for tests: install its server programs (Debian, Ubuntu: apt install "
    f"postgresql), or start a Docker engine, or set {URL_VARIABLE} to a server on which "
    "databases may be created."
)

_IMAGE = "postgres:17"
_ROLE = "test"
_FIRST_WITH_ICU_CLUSTERS = 15
_START_TIMEOUT_SECONDS = 60
_DOCKER_ANSWER_TIMEOUT_SECONDS = 5
_PULL_TIMEOUT_SECONDS = 300
_PROGRAM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
)


class PostgresUnavailable(Exception):
    """There is no PostgreSQL for tests, or it didn't start; the message says why."""


class Source(Protocol):
    """One way to get a server. `start` yields its URL and stops it at the end of the block."""

    @property
    def description(self) -> str: ...

    def start(self, *, durable: bool) -> AbstractContextManager[str]: ...


def find() -> Source:
    """Name the server that `server` would use. A missing Docker image is pulled for the answer.

    Raises:
        PostgresUnavailable: with the one sentence of how to get a server.
    """
    source = _given_server() or _local_programs() or _docker_engine()
    if source is None:
        raise PostgresUnavailable(HOW_TO_GET_ONE)
    return source


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a server on which databases may be created.

    A started server belongs to a keeper process, which ends it and removes its files as soon as
    this process lets go, be it by the end of the block or by a SIGKILL. A `durable` server keeps
    its promises across a crash of its own; without that it is several times faster.

    Raises:
        PostgresUnavailable: when there is none, or it doesn't start.
    """
    if given := _given_server():
        yield given.url
        return
    command = [sys.executable, "-I", __file__, "keep", *(["--durable"] if durable else [])]
    # A session of its own: Ctrl-C must not end the server before its clients have finished.
    keeper = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with keeper, cast(IO[bytes], keeper.stdin):
        line = cast(IO[bytes], keeper.stdout).readline()
        answer = json.loads(line or '{"error": "the keeper of the server stopped"}')
        if "error" in answer:
            raise PostgresUnavailable(answer["error"])
        yield answer["url"]


def _keep(*, durable: bool) -> None:
    """Run a server for as long as someone holds the other end of standard input.

    Says on standard output, in one line of JSON, where it is (`url`) or why there is none (`error`).
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        with find().start(durable=durable) as url:
            _say({"url": url})
            sys.stdin.read()
    except (PostgresUnavailable, OSError) as error:
        _say({"error": str(error)})


def _end(*_: object) -> None:
    # A second signal must not interrupt the clean-up that the first one caused.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def _say(answer: dict[str, str]) -> None:
    with suppress(BrokenPipeError):  # nobody listens any more: standard input has ended too
        os.write(sys.stdout.fileno(), json.dumps(answer).encode() + b"\n")


@dataclass(frozen=True)
class GivenServer:
    """A server that somebody else runs."""

    url: str

    @property
    def description(self) -> str:
        return f"the server that {URL_VARIABLE} names"

    @contextmanager
    def start(self, *, durable: bool) -> Iterator[str]:
        del durable  # is for its owner to decide
        yield self.url


def _given_server() -> GivenServer | None:
    url = os.environ.get(URL_VARIABLE)
    return GivenServer(url) if url else None


@dataclass(frozen=True)
class LocalPrograms:
    """`initdb` and `postgres` of one folder, with a temporary data folder."""

    folder: Path
    major_version: int

    @property
    def description(self) -> str:
        return f"PostgreSQL {self.major_version}, programs of {self.folder}"

    @contextmanager
    def start(self, *, durable: bool) -> Iterator[str]:
        with self.cluster(durable=durable) as cluster:
            yield cluster.url

    @contextmanager
    def cluster(self, *, durable: bool) -> Iterator["Cluster"]:
        """A running cluster of its own, which is removed at the end of the block."""
        folder = Path(tempfile.mkdtemp(prefix="test-postgres-"))
        try:
            password = secrets.token_urlsafe()
            self._make_cluster(folder, password)
            cluster = Cluster(self.folder / "postgres", folder, password, durable=durable)
            try:
                cluster.start()
                yield cluster
            finally:
                cluster.crash()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _make_cluster(self, folder: Path, password: str) -> None:
        password_file = folder / "password"
        password_file.write_text(password)
        if owner := _owner():
            for path in (folder, password_file):
                shutil.chown(path, owner["user"], owner["group"])
        # ICU sorts as a server in production does, so that an ORDER BY without COLLATE shows.
        icu = (
            ["--locale-provider=icu", "--icu-locale=en-US"]
            if self.major_version >= _FIRST_WITH_ICU_CLUSTERS
            else []
        )
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        _output(
            self.folder / "initdb",
            f"--pgdata={folder / 'data'}",
            f"--pwfile={password_file}",
            f"--username={_ROLE}",
            f"--locale={locale}",
            "--encoding=UTF8",
            "--auth=scram-sha-256",
            "--no-sync",
            *icu,
            cwd=folder,
            **owner,
        )


class Cluster:
    """A server with a data folder: it may crash, and be started again at the same address."""

    def __init__(self, program: Path, folder: Path, password: str, *, durable: bool) -> None:
        port = _free_port()
        self.url = _url(password, port)
        self._port = port
        self._folder = folder
        self._log = folder / "log"
        settings = _settings(
            durable=durable, listen_addresses="127.0.0.1", port=port, unix_socket_directories=""
        )
        self._command: list[str | Path] = [program, "-D", folder / "data", *settings]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it takes sign-ins.

        Raises:
            PostgresUnavailable: it doesn't start; with its log.
        """
        with self._log.open("ab") as output:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **_owner(),
            )
        self._process = process
        _wait_until_ready(
            self._port, lambda: self._log.read_text() if process.poll() is not None else ""
        )

    def crash(self) -> None:
        """End it at once: connections break, and nothing is written that wasn't yet."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()


@contextmanager
def crashable_server() -> Iterator[Cluster]:
    """A durable server of this process's own, whose crash is no end.

    Raises:
        PostgresUnavailable: PostgreSQL's own programs aren't there, or it doesn't start.
    """
    programs = _local_programs()
    if programs is None:
        raise PostgresUnavailable(f"Its own programs are needed here. {HOW_TO_GET_ONE}")
    with programs.cluster(durable=True) as cluster:
        yield cluster


def _local_programs() -> LocalPrograms | None:
    if os.geteuid() == 0 and not _owner():
        return None
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += [folder for pattern in _PROGRAM_FOLDERS for folder in Path("/").glob(pattern)]
    found = [
        LocalPrograms(folder, _major_version(folder))
        for folder in folders
        if (folder / "initdb").exists() and (folder / "postgres").exists()
    ]
    return max(found, key=lambda programs: programs.major_version, default=None)


def _major_version(folder: Path) -> int:
    match = re.search(r"\d+", _output(folder / "postgres", "--version"))
    return int(match[0]) if match else 0


def _owner() -> dict[str, Any]:
    """Options that run a subprocess as the user `postgres`: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass(frozen=True)
class DockerEngine:
    """A container of the official image, its data in memory."""

    version: str

    @property
    def description(self) -> str:
        return f"the image {_IMAGE} on Docker engine {self.version}"

    @contextmanager
    def start(self, *, durable: bool) -> Iterator[str]:
        password = secrets.token_urlsafe()
        container = _output(
            *("docker", "run", "--detach", "--rm", "--publish", "127.0.0.1::5432"),
            *("--env", f"POSTGRES_USER={_ROLE}", "--env", "POSTGRES_PASSWORD"),
            *([] if durable else ["--tmpfs", "/var/lib/postgresql/data"]),
            *(_IMAGE, "postgres", *_settings(durable=durable)),
            env={**os.environ, "POSTGRES_PASSWORD": password},
        )
        try:
            port = int(_output("docker", "port", container, "5432/tcp").rpartition(":")[2])
            _wait_until_ready(port, lambda: self._failure(container))
            yield _url(password, port)
        finally:
            _output("docker", "rm", "--force", "--volumes", container)

    def _failure(self, container: str) -> str:
        running = _output("docker", "ps", "--quiet", "--filter", f"id={container}")
        return "" if running else "the container stopped"


def _docker_engine() -> DockerEngine | None:
    # An engine elsewhere publishes its ports there, not on this machine's 127.0.0.1.
    host = os.environ.get("DOCKER_HOST", "")
    if not re.match(r"$|unix://|tcp://(127\.0\.0\.1|localhost)\b", host):
        return None
    with suppress(OSError, PostgresUnavailable, subprocess.TimeoutExpired):
        version = _output(
            *("docker", "version", "--format", "{{.Server.Version}}"),
            timeout=_DOCKER_ANSWER_TIMEOUT_SECONDS,
        )
        if not _output("docker", "image", "ls", "--quiet", _IMAGE):
            _output("docker", "pull", "--quiet", _IMAGE, timeout=_PULL_TIMEOUT_SECONDS)
        return DockerEngine(version)
    return None


def _settings(*, durable: bool, **settings: object) -> list[str]:
    settings["max_connections"] = 300
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


def _url(password: str, port: int) -> str:
    return f"postgresql://{_ROLE}:{password}@127.0.0.1:{port}/postgres"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(port: int, failure: Callable[[], str]) -> None:
    """Return once the server takes sign-ins; `failure` gives the reason once it has ended."""
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not _takes_sign_ins(port):
        if reason := failure():
            raise PostgresUnavailable(f"PostgreSQL didn't start: {reason.strip()}")
        if time.monotonic() > deadline:
            raise PostgresUnavailable(f"PostgreSQL didn't start in {_START_TIMEOUT_SECONDS} s")
        time.sleep(0.05)


def _takes_sign_ins(port: int) -> bool:
    """Whether a start-up message (protocol 3.0) gets the question for the password.

    An open port says too little: Docker's is open before the server is there, and a server that
    still recovers answers with an error.
    """
    body = struct.pack("!i", 3 << 16) + f"user\0{_ROLE}\0database\0postgres\0\0".encode()
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(struct.pack("!i", len(body) + 4) + body)
        return connection.recv(1) == b"R"
    return False


def _output(*command: str | Path, **options: Any) -> str:
    """Return what a short command prints.

    Raises:
        PostgresUnavailable: with the command's own words, when it fails.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise PostgresUnavailable(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
    return str(done.stdout).strip()


def _run(command: Sequence[str], *, durable: bool) -> int:
    """Run a command with the server's URL in its environment; its exit status."""
    with server(durable=durable) as url:
        child = subprocess.Popen(command, env={**os.environ, URL_VARIABLE: url})
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: child.send_signal(number))
        # A terminal's Ctrl-C reaches the command as well; when it has ended, so does the server.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        status = child.wait()
        return status if status >= 0 else 128 - status


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m service_testing.postgres")
    commands = parser.add_subparsers(dest="action", required=True)
    commands.add_parser("find", help="say which server would be used, or how to get one")
    run = commands.add_parser("run", help=f"run a command with {URL_VARIABLE} set")
    keep = commands.add_parser("keep", help="run a server until standard input ends")
    for parser_of_action in (run, keep):
        parser_of_action.add_argument("--durable", action="store_true", help="leave fsync on")
    run.add_argument("command", nargs="+", metavar="COMMAND", help="after a --")
    arguments = parser.parse_args()
    try:
        return _act(arguments)
    except (PostgresUnavailable, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1


def _act(arguments: argparse.Namespace) -> int:
    if arguments.action == "run":
        return _run(arguments.command, durable=arguments.durable)
    if arguments.action == "keep":
        _keep(durable=arguments.durable)
    else:
        print(find().description)
    return 0


if __name__ == "__main__":
    sys.exit(main())
