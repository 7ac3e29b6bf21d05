"""The proxy as a process: nginx with the files of the image, in front of one fake for all services."""

import asyncio
import contextlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from stack import ROOT, STACK

from service_testing.ports import free_port

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH')}:/usr/sbin")
HELD = "/docs/assets/held"
"""A request of this path of a service is answered after `Upstream.release`."""


class Upstream:
    """It answers everything with 200, and notes what it is asked for."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._released, self._stopped = asyncio.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])
        self._thread.start()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, sock=self._socket)
        await self._stopped.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split(b" ")[1].decode("latin-1")
        self.targets.append(target)
        if target == HELD:
            await self._released.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._released.set)

    def stop(self) -> None:
        self.release()
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Proxy:
    """Where nginx listens, and the fake behind it."""

    def __init__(self, port: int, upstream: Upstream) -> None:
        self.port, self.upstream = port, upstream

    def connect(self, source: str = "127.0.0.1") -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=30, source_address=(source, 0)
        )

    def request(
        self,
        path: str,
        method: str = "GET",
        *,
        client: str = "203.0.113.1",
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Response:
        """As the load balancer on 127.0.0.1 passes it on for a client. Nobody trusts another source."""
        connection = self.connect(source)
        try:
            connection.request(method, path, headers={"X-Forwarded-For": client, **headers})
            response = connection.getresponse()
            return Response(status=response.status, headers=response.headers, body=response.read())
        finally:
            connection.close()

    def is_ready(self) -> bool:
        try:
            return self.request("/nothing").status == 404
        except ConnectionRefusedError:
            return False


@contextmanager
def running_proxy(folder: Path, **settings: str) -> Iterator[Proxy]:
    """Start nginx with the templates' variables, by default those of Compose."""
    if PROGRAM is None and not os.environ.get("CI"):
        pytest.skip("nginx isn't installed")
    upstream = Upstream()
    port, health_port = free_port(), free_port()
    _write_files(folder, port, health_port, upstream.port, settings)
    # Started by root, its workers would be somebody who can't write here.
    directives = f"daemon off; {'user root;' if os.geteuid() == 0 else ''}"
    files = ["-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    command = [PROGRAM or "nginx", *files, "-g", directives]
    process = subprocess.Popen(command)
    try:
        proxy = Proxy(port, upstream)
        while not proxy.is_ready():
            assert process.poll() is None, "nginx has ended"
            time.sleep(0.01)
        yield proxy
    finally:
        upstream.release()
        process.terminate()
        process.wait()
        upstream.stop()


def _write_files(
    folder: Path, port: int, health_port: int, upstream_port: int, settings: Mapping[str, str]
) -> None:
    """The image's files, at other places and ports. An address of an upstream needs no DNS."""
    moves = {
        r"/etc/nginx/|/tmp/": f"{folder}/",
        r"/dev/stdout": f"{folder}/access.log",
        r"listen 8080": f"listen 127.0.0.1:{port}",
        r"listen 127\.0\.0\.1:8081": f"listen 127.0.0.1:{health_port}",
        r"set \$service \S+;": f"set $service 127.0.0.1:{upstream_port};",
    }
    environment = STACK["services"]["proxy"]["environment"]
    values = {name: text.partition(":-")[2][:-1] for name, text in environment.items()}
    values |= {"PROXY_TRUSTED": "127.0.0.1/32", **settings}
    for target, pattern in {
        ".": "deploy/proxy/*.*",
        "locations.d": "services/*/deploy/*.locations.conf",
        "conf.d": "deploy/proxy/*.template",
        "html": "LICENSE",
    }.items():
        (folder / target).mkdir(exist_ok=True)
        for file in ROOT.glob(pattern):
            text = file.read_text(encoding="utf-8")
            for old, new in moves.items():
                text = re.sub(old, new, text)
            text = re.sub(r"\$\{(PROXY_\w+)\}", lambda match: values[match[1]], text)
            (folder / target / file.name.removesuffix(".template")).write_text(text)
    (folder / "html/LICENSE").rename(folder / "html/index.html")
