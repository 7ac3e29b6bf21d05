"""What each service may do on the broker: everything else is refused, by a real server."""

import re
from collections.abc import Iterator
from itertools import product

import nats
import pytest
from nats.errors import NoServersError

import workspace
from service_testing.nats_server import ADMIN, NatsServer
from service_testing.ports import free_port
from workspace import ROOT, Service

SERVICES = [
    Service(name="accounts", folder=ROOT, port=1),
    Service(name="orders", folder=ROOT, port=2, subscribes=["accounts", "stock"]),
    Service(name="stock", folder=ROOT, port=3, subscribes=["accounts"]),
]
NAMES = [each.name for each in SERVICES]
CONSUMERS = [f"{stream}.{name}" for stream, name in product(NAMES, NAMES)]
# https://docs.nats.io/reference/reference-protocols/nats_api_reference
OF_A_CONSUMER = ["INFO", "MSG.NEXT", "CREATE", "DELETE", "DURABLE.CREATE", "PAUSE", "UNPIN"]
OF_CONSUMERS = ["CREATE", "LIST", "NAMES"]
OF_A_STREAM = [
    "CREATE",
    "UPDATE",
    "INFO",
    "DELETE",
    "PURGE",
    "MSG.GET",
    "MSG.DELETE",
    "RESTORE",
    "SNAPSHOT",
    "LEADER.STEPDOWN",
]
PUBLISHED = {
    *(f"{name}.7" for name in NAMES),
    *(f"_INBOX_{name}.x.1" for name in NAMES),
    *(f"$JS.API.CONSUMER.{call}.{each}" for call, each in product(OF_A_CONSUMER, CONSUMERS)),
    *(f"$JS.API.CONSUMER.{call}.{name}" for call, name in product(OF_CONSUMERS, NAMES)),
    *(f"$JS.API.STREAM.{call}.{name}" for call, name in product(OF_A_STREAM, NAMES)),
    *(f"$JS.API.DIRECT.GET.{name}" for name in NAMES),
    *(f"$JS.ACK.{each}.1.1.1.1.0" for each in CONSUMERS),
    *(
        "other",
        "$JS.API.INFO",
        "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.NAMES",
        "$SYS.REQ.SERVER.PING",
    ),
}
SUBSCRIBED = {
    *(f"{name}.>" for name in NAMES),
    *(f"_INBOX_{name}.>" for name in NAMES),
    *(">", "*.7", "_INBOX.>", "$JS.>", "$JS.EVENT.>", "$SYS.>"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The server with the users that `make env EVENTS=nats` writes."""
    port = free_port()
    passwords = {f"{each.prefix}NATS_PASSWORD": each.name for each in SERVICES}
    users = workspace.nats_users(SERVICES, {"NATS_ADMIN_PASSWORD": ADMIN, **passwords})
    running = NatsServer(tmp_path_factory.mktemp("nats"), port, users)
    running.start()
    yield running
    running.kill()


async def refused(server: NatsServer, user: str) -> tuple[set[str], set[str]]:
    """What the user may not publish, and what it may not subscribe to; in lower case, as nats-py has it."""
    messages: list[str] = []

    async def note(error: Exception) -> None:
        messages.append(str(error))

    url = server.url(user, with_password=True)
    # Each command is sent at once, before the ping of `flush`.
    client = await nats.connect(url, error_cb=note, pending_size=1)
    for subject in PUBLISHED:
        await client.publish(subject, b"")
    for subject in SUBSCRIBED:
        await client.subscribe(subject)
    await client.flush()
    await client.close()
    found = [re.search(r'violation for (\w+) to "(.+)"', each) for each in messages]
    assert all(found), messages
    return (
        {each[2] for each in found if each and each[1] == "publish"},
        {each[2] for each in found if each and each[1] == "subscription"},
    )


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
async def test_service_publishes_to_its_stream_and_reads_through_its_consumers_only(
    server: NatsServer, service: Service
) -> None:
    name = service.name
    own = [f"{stream}.{name}" for stream in service.subscribes]
    allowed = {f"{name}.7", *(f"$JS.ACK.{each}.1.1.1.1.0" for each in own)}
    allowed |= {f"$JS.API.CONSUMER.{call}.{each}" for call in ("INFO", "MSG.NEXT") for each in own}
    not_published, not_subscribed = PUBLISHED - allowed, SUBSCRIBED - {f"_INBOX_{name}.>"}
    expected = ({each.lower() for each in not_published}, {each.lower() for each in not_subscribed})
    assert await refused(server, name) == expected


async def test_administrator_may_do_everything(server: NatsServer) -> None:
    assert await refused(server, ADMIN) == (set(), set())


async def test_wrong_password_is_refused(server: NatsServer) -> None:
    with pytest.raises(NoServersError):
        await nats.connect(
            f"nats://orders:password@127.0.0.1:{server.port}", max_reconnect_attempts=1
        )
