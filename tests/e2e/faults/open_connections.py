"""Whether a service still uses database connections when no request is left.

A request that waits on a dead connection is invisible, because the proxy has answered for it. But it occupies its
connection, and enough of them leave the service without any.
"""

import asyncio
import time
from collections.abc import Iterator

from tests.e2e.compose import ComposeStack
from tests.e2e.containers import run

_RELEASED_WITHIN_SECONDS = 30.0
"""More than the limit of chassis.db.postgresql_connections, and far less than the 15 minutes of TCP itself."""
_COUNT = """
from http.client import HTTPConnection
from os import environ
from chassis.ops.probe import port_of_service
connection = HTTPConnection("127.0.0.1", port_of_service(environ), timeout=5)
connection.request("GET", "/metrics")
lines = connection.getresponse().read().decode().splitlines()
print(sum(float(line.split()[-1]) for line in lines if line.startswith("database_connections_in_use{")))
"""


async def still_in_use(stack: ComposeStack) -> list[str]:
    """A sentence about each copy that doesn't release its connections; waits for those that do."""
    start = time.monotonic()
    while found := await asyncio.to_thread(lambda: list(_in_use(stack))):
        if time.monotonic() - start > _RELEASED_WITHIN_SECONDS:
            break
        await asyncio.sleep(1)
    return found


def _in_use(stack: ComposeStack) -> Iterator[str]:
    for service in (each for each in stack.services if each.service.database):
        for copy in service.copies:
            # Reading the number needs no connection, but a health check may use one.
            if count := float(run(copy, "python", "-c", _COUNT)):
                yield f"{copy.name} still uses {count:.0f} connections to its database"
