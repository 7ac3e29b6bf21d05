"""A test can reach this machine only."""

import asyncio
import socket
from contextlib import suppress

import httpx
import pytest

BLOCKED = pytest.fail.Exception
ELSEWHERE = "192.0.2.1"  # an address for documentation (RFC 5737), which nobody has


async def test_name_is_not_looked_up_and_the_message_has_the_test() -> None:
    expected = (
        r"test_network\.py::test_name_is_not_looked_up_and_the_message_has_the_test "
        r"tried to reach accounts\.example\.com\."
    )
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:  # noqa: S501
        with pytest.raises(BLOCKED, match=expected):
            await client.get("http://accounts.example.com/")


@pytest.mark.parametrize("lookup", ["getaddrinfo", "gethostbyname", "gethostbyname_ex"])
def test_every_lookup_function_is_blocked(lookup: str) -> None:
    arguments = ("example.com", 80) if lookup == "getaddrinfo" else ("example.com",)
    with pytest.raises(BLOCKED, match=r"tried to reach example\.com"):
        getattr(socket, lookup)(*arguments)


def test_lookup_of_a_name_in_bytes_is_blocked() -> None:
    with pytest.raises(BLOCKED, match=r"tried to reach example\.com"):
        socket.getaddrinfo(b"example.com", 80)


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_connection_to_another_machine_is_blocked(method: str) -> None:
    with socket.socket() as sock, pytest.raises(BLOCKED, match=f"tried to reach {ELSEWHERE}"):
        getattr(sock, method)((ELSEWHERE, 80))


def test_datagram_to_another_machine_is_blocked() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(BLOCKED, match=f"tried to reach {ELSEWHERE}"),
    ):
        sock.sendto(b"?", (ELSEWHERE, 53))


def test_except_clause_of_the_app_does_not_hide_it() -> None:
    with pytest.raises(BLOCKED), suppress(Exception):
        socket.create_connection((ELSEWHERE, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_can_be_reached(host: str) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(host, port)
        assert await reader.read() == b""
        writer.close()


def test_unix_socket_can_be_reached(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as sock:
        server.bind(path)
        server.listen()
        sock.connect(path)


@pytest.mark.allow_hosts(ELSEWHERE)
def test_marker_allows_a_host() -> None:
    with socket.socket() as sock:
        sock.setblocking(False)
        assert sock.connect_ex((ELSEWHERE, 80)) != 0


@pytest.mark.parametrize(
    ("setting", "mark", "outcomes"),
    [
        ("", "slow", {"passed": 1}),
        ("block_network = true", "slow", {"failed": 1}),
        ("block_network = true", 'allow_hosts("database")', {"passed": 1}),
    ],
    ids=["not asked for", "blocked", "name allowed, and so its addresses"],
)
def test_network_is_blocked_where_the_project_asks_for_it(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    mark: str,
    outcomes: dict[str, int],
) -> None:
    def getaddrinfo(*_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ELSEWHERE, 80))]

    pytester.makeini(f"[pytest]\n{setting}")
    pytester.makepyfile(
        f"""
        import socket
        import pytest

        @pytest.mark.{mark}
        def test_reaches():
            socket.getaddrinfo("database", 80)
            with socket.socket() as sock:
                sock.setblocking(False)
                sock.connect_ex(("{ELSEWHERE}", 80))
        """
    )
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 0)
    pytester.runpytest().assert_outcomes(**outcomes)


@pytest.mark.parametrize("address", ["10.0.0.1", "172.16.0.1", "192.168.0.1"])
def test_private_address_is_another_machine(address: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="tried to reach"), socket.socket() as sock:
        sock.connect((address, 80))
