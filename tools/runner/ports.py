"""Whether a port is free, and who has it."""

import errno
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from runner.errors import RunError
from runner.services import Service

_LISTENING = "0A"


def check_ports(services: Iterable[Service]) -> None:
    """See that each service can listen where it should.

    Raises:
        RunError: one can't.
    """
    for service in services:
        try:
            socket.create_server((service.host, service.port)).close()
        except OSError as error:
            raise RunError(_explain(service, error)) from error


def _explain(service: Service, error: OSError) -> str:
    advice = f"set {service.port_variable} to another port"
    if error.errno == errno.EADDRINUSE:
        holder = _holder(service.port) or "another process"
        return f"Port {service.port} is taken by {holder}; end that, or {advice}."
    return f"{service.name} can't listen on {service.host}:{service.port} ({error.strerror}); {advice}."


def _holder(port: int) -> str | None:
    """The process that listens on a port, where Linux tells it."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(descriptor.readlink()) in sockets:
                process = descriptor.parent.parent
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def _listening_inodes(port: int) -> Iterable[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield inode
