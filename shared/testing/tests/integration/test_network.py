"""A test reaches this machine and nothing else."""

import asyncio
import socket
from contextlib import suppress

import httpx
import pytest

BLOCKED = pytest.fail.Exception
ELSEWHERE = "192.0.2.1"  # an address for documentation (RFC 5737), which nobody has


async def test_a_name_is_not_looked_up_and_the_test_is_named() -> None:
    expected = (
        r"test_network\.py::test_a_name_is_not_looked_up_and_the_test_is_named "
        r"tried to reach accounts\.example\.com\."
    )
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:  # noqa: S501
        with pytest.raises(BLOCKED, match=expected):
            await client.get("http://accounts.example.com/")


@pytest.mark.parametrize("lookup", ["getaddrinfo", "gethostbyname", "gethostbyname_ex"])
def test_no_function_looks_a_name_up(lookup: str) -> None:
    arguments = ("example.com", 80) if lookup == "getaddrinfo" else ("example.com",)
    with pytest.raises(BLOCKED, match=r"tried to reach example\.com"):
        getattr(socket, lookup)(*arguments)


def test_a_name_in_bytes_is_not_looked_up() -> None:
    with pytest.raises(BLOCKED, match=r"tried to reach example\.com"):
        socket.getaddrinfo(b"example.com", 80)


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_an_address_elsewhere_is_not_reached(method: str) -> None:
    with socket.socket() as sock, pytest.raises(BLOCKED, match=f"tried to reach {ELSEWHERE}"):
        getattr(sock, method)((ELSEWHERE, 80))


def test_a_datagram_is_not_sent() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(BLOCKED, match=f"tried to reach {ELSEWHERE}"),
    ):
        sock.sendto(b"?", (ELSEWHERE, 53))


def test_an_except_of_the_app_does_not_hide_it() -> None:
    with pytest.raises(BLOCKED), suppress(Exception):
        socket.create_connection((ELSEWHERE, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_is_reached(host: str) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b""
        writer.close()


def test_a_unix_socket_is_reached(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as sock:
        server.bind(path)
        server.listen()
        sock.connect(path)


@pytest.mark.allow_hosts(ELSEWHERE)
def test_a_test_may_allow_a_host() -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        assert sock.connect_ex((ELSEWHERE, 80)) != 0


def test_an_allowed_name_allows_its_addresses(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(*_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ELSEWHERE, 80))]

    pytester.makepyfile(
        f"""
        import socket
        import pytest

        @pytest.mark.allow_hosts("database")
        def test_reaches():
            socket.getaddrinfo("database", 80)
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.connect_ex(("{ELSEWHERE}", 80))
        """
    )
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 0)
    pytester.runpytest().assert_outcomes(passed=1)
