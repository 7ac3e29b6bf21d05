"""Whether a service still holds connections to its database when nobody asks for anything any more.

A request that waits on a dead connection is seen by nobody: the proxy has long answered for it. It holds
its connection all the same, and enough of them leave the service with none.
"""

import asyncio
import time
from collections.abc import Iterator

from compose import ComposeStack
from containers import run

_PATIENCE_SECONDS = 30.0
"""More than chassis.db.dead_connections, and far less than the quarter of an hour of TCP itself."""
_COUNT = """
from http.client import HTTPConnection
from os import environ
from chassis.ops.probe import port_of_service
asked = HTTPConnection("127.0.0.1", port_of_service(environ), timeout=5)
asked.request("GET", "/metrics")
lines = asked.getresponse().read().decode().splitlines()
print(sum(float(line.split()[-1]) for line in lines if line.startswith("database_connections_in_use{")))
"""


async def still_held(stack: ComposeStack) -> list[str]:
    """Sentences about each copy that doesn't give its connections back; waits for those that do."""
    start = time.monotonic()
    while found := await asyncio.to_thread(lambda: list(_held(stack))):
        if time.monotonic() - start > _PATIENCE_SECONDS:
            break
        await asyncio.sleep(1)
    return found


def _held(stack: ComposeStack) -> Iterator[str]:
    for service in stack.services:
        for copy in service.copies:
            # What asks for the number needs none, but a look at its health may have one just now.
            if count := float(run(copy, "python", "-c", _COUNT)):
                yield f"{copy.name} holds {count:.0f} connections to its database"
