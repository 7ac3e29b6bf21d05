"""Clients that write all the time, whatever fails."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx

from tests.e2e.chaos.ledger import Known, Ledger
from tests.e2e.factories import create_user_data
from tests.e2e.stack import Stack

# The documented statuses of valid requests.
_EXPECTED = {200, 201, 204, 401, 403, 404, 503}
_TIMEOUT_SECONDS = 10.0


class NoAnswer(Exception):
    """The connection broke: the request may have been processed or not."""


class Writer:
    """One account after the other: registers, and does what the services offer until it deletes itself."""

    def __init__(
        self,
        stack: Stack,
        ledger: Ledger,
        seed: str,
        operations: Mapping[Callable[["Writer"], Awaitable[None]], int],
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        """`operations` have their weights."""
        self.ledger = ledger
        self.random = random.Random(seed)  # noqa: S311 - chooses the next operation
        self._operations = operations
        self._clients = {
            each.name: httpx.AsyncClient(
                base_url=each.url, timeout=timeout_seconds, trust_env=False
            )
            for each in stack.services
        }
        self.user_id = 0
        """The id of the account that is signed in; 0 means none."""
        self.password = ""
        self.own: defaultdict[str, list[int]] = defaultdict(list)
        """The ids of what the account has created and not deleted, by service."""

    async def write_until(self, end: asyncio.Event) -> None:
        try:
            while not end.is_set():
                await self._write_once()
        finally:
            for client in self._clients.values():
                await client.aclose()

    async def _write_once(self) -> None:
        try:
            if not self.user_id:
                await self._register()
                return
            choices, weights = self._operations.keys(), self._operations.values()
            (operation,) = self.random.choices(list(choices), weights=list(weights))
            await operation(self)
        except NoAnswer:
            self.ledger.outcomes["no answer"] += 1
            await self._pause()

    async def _register(self) -> None:
        data = create_user_data(email=f"{uuid4().hex}@example.com")
        response = await self.call("users", "POST", "/users/", json=data)
        if response.status_code != 201:
            return
        user_id: int = response.json()["id"]
        self.ledger.known["users"][user_id] = Known({data["name"]})
        form = {"username": data["email"], "password": data["password"]}
        signed_in = await self.call("users", "POST", "/auth/token", data=form)
        if not signed_in.is_success:
            return
        for client in self._clients.values():
            client.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
        self.user_id, self.password = user_id, data["password"]
        self.own = defaultdict(list)

    async def rename(self, known: Known, service: str, path: str) -> None:
        """Send another name to the path."""
        name = f"Name {uuid4().hex}"
        known.names.add(name)
        response = await self.call(service, "PATCH", path, json={"name": name})
        if response.is_success:
            known.names = {name}

    async def call(self, service: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises:
        NoAnswer: the connection broke.
        """
        try:
            response = await self._clients[service].request(method, path, **options)
        except httpx.TransportError as error:
            self.ledger.failed_at.append(time.monotonic())
            raise NoAnswer from error
        status = response.status_code
        self.ledger.outcomes[f"{status}"] += 1
        is_unavailable = status == httpx.codes.SERVICE_UNAVAILABLE
        if is_unavailable and response.json()["error"] == "outcome_unknown":
            raise NoAnswer  # documented, and without Retry-After: nobody knows whether it is stored
        if status not in _EXPECTED or (is_unavailable and "Retry-After" not in response.headers):
            self.ledger.undocumented.append(f"{method} {path}: {status} {response.text}")
        if status == httpx.codes.UNAUTHORIZED:  # deleted, or a clock has stepped
            self.user_id = 0
        if is_unavailable:
            self.ledger.failed_at.append(time.monotonic())
            await self._pause()
        return response

    async def _pause(self) -> None:
        await asyncio.sleep(self.random.uniform(0.02, 0.2))
