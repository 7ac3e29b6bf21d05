"""Blocks the network in tests: they reach only this machine, and not even a name server.

It covers Python's own sockets, which asyncio uses, too, but not uvloop and other processes.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, Generator
from typing import Any
from urllib.parse import urlsplit

import pytest

from service_testing import postgres

ALLOW_HOSTS_MARKER = "allow_hosts(*hosts): the test may also reach these hosts, by name or address."


class NetworkGuard:
    """A plugin that replaces the functions that take a host, while a test runs."""

    def __init__(self) -> None:
        self._test: pytest.Item
        self._hosts: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._test = item
        self._hosts = {"", "localhost", _given_database_host()}
        self._hosts.update(host for mark in item.iter_markers("allow_hosts") for host in mark.args)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("connect", "connect_ex", "sendto"):
                guarded = self._guarded_method(getattr(socket.socket, name))
                patch.setattr(socket.socket, name, guarded)
            for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
                patch.setattr(socket, name, self._guarded_lookup(getattr(socket, name)))
            return (yield)

    def _guarded_method(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(sock: socket.socket, *args: Any) -> Any:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self._check(args[-1][0])
            return method(sock, *args)

        return guarded

    def _guarded_lookup(self, lookup: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(host: str | bytes | None, *args: Any, **options: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host or ""
            self._check(name)
            found = lookup(host, *args, **options)
            if lookup.__name__ == "getaddrinfo":
                self._hosts.update(str(address[0]) for *_, address in found)
            return found

        return guarded

    def _check(self, host: str) -> None:
        if host in self._hosts or _is_this_machine(host):
            return
        # Unlike an error, an `except Exception` of the app doesn't catch this.
        pytest.fail(
            f"{self._test.nodeid} tried to reach {host}. Use a fake for it, or mark the "
            f'test with @pytest.mark.allow_hosts("{host}").'
        )


def _is_this_machine(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _given_database_host() -> str:
    """The host of a given PostgreSQL server, such as the service of a CI job."""
    return urlsplit(os.environ.get(postgres.URL_VARIABLE, "")).hostname or ""
