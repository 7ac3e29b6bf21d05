"""Requests at the level of ASGI, message by message."""

import asyncio

from starlette.types import Message, Scope


def http_scope(method: str, path: str, **headers: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }


async def never() -> Message:
    message: Message = await asyncio.get_running_loop().create_future()
    return message


class Connection:
    """One request, message by message. No message follows those in `incoming`."""

    def __init__(self, *incoming: Message) -> None:
        self._incoming = list(incoming)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._incoming:
            return self._incoming.pop(0)
        return await never()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None
