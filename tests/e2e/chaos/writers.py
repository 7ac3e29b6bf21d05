"""Clients that write all the time, whatever fails."""

import asyncio
import random
import time
from uuid import uuid4

import httpx

from tests.e2e.chaos.ledger import KnownItem, KnownUser, Ledger
from tests.e2e.factories import create_item_data, create_user_data
from tests.e2e.stack import Stack

# The documented statuses of valid requests.
_EXPECTED = {200, 201, 204, 401, 403, 404, 503}
_TIMEOUT_SECONDS = 10.0


class NoAnswer(Exception):
    """The connection broke: the request may have been processed or not."""


class Writer:
    """One account after the other: registers, renames itself, creates, edits and deletes items, deletes itself."""

    def __init__(
        self, stack: Stack, ledger: Ledger, seed: str, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        self._ledger = ledger
        self._random = random.Random(seed)  # noqa: S311 - chooses the next operation
        self._users, self._items = (
            httpx.AsyncClient(base_url=service.url, timeout=timeout_seconds, trust_env=False)
            for service in (stack.users, stack.items)
        )
        self._id: int | None = None
        self._own: list[int] = []

    async def write_until(self, end: asyncio.Event) -> None:
        try:
            while not end.is_set():
                await self._write_once()
        finally:
            await self._users.aclose()
            await self._items.aclose()

    async def _write_once(self) -> None:
        if self._id is None:
            operation = self._register
        else:
            (operation,) = self._random.choices(
                [
                    self._create_item,
                    self._rename,
                    self._edit_item,
                    self._delete_item,
                    self._delete_account,
                ],
                weights=[40, 25, 20, 12, 3],
            )
        try:
            await operation()
        except NoAnswer:
            self._ledger.outcomes["no answer"] += 1
            await self._pause()

    async def _register(self) -> None:
        data = create_user_data(email=f"{uuid4().hex}@example.com")
        response = await self._call(self._users, "POST", "/users/", json=data)
        if response.status_code != 201:
            return
        user_id: int = response.json()["id"]
        self._ledger.users[user_id] = KnownUser(names={data["name"]})
        form = {"username": data["email"], "password": data["password"]}
        signed_in = await self._call(self._users, "POST", "/auth/token", data=form)
        if not signed_in.is_success:
            return
        headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        self._users.headers.update(headers)
        self._items.headers.update(headers)
        self._id, self._own = user_id, []

    async def _rename(self) -> None:
        known = self._ledger.users[self._me]
        name = f"Name {uuid4().hex}"
        known.names.add(name)
        response = await self._call(self._users, "PATCH", "/users/me", json={"name": name})
        if response.is_success:
            known.names = {name}

    async def _delete_account(self) -> None:
        known = self._ledger.users[self._me]
        known.may_be_deleted = True
        response = await self._call(self._users, "DELETE", "/users/me")
        # 401: an earlier request was processed, although its answer never came.
        if response.status_code in {204, 401}:
            known.is_deleted = True
            self._id = None

    async def _create_item(self) -> None:
        data = create_item_data()
        response = await self._call(self._items, "POST", "/items/", json=data)
        if response.is_success:
            item_id: int = response.json()["id"]
            self._ledger.items[item_id] = KnownItem(self._me, {data["name"]})
            self._own.append(item_id)

    async def _edit_item(self) -> None:
        if not self._own:
            return
        item_id = self._random.choice(self._own)
        known = self._ledger.items[item_id]
        name = f"Name {uuid4().hex}"
        known.names.add(name)
        response = await self._call(self._items, "PATCH", f"/items/{item_id}", json={"name": name})
        if response.is_success:
            known.names = {name}

    async def _delete_item(self) -> None:
        if not self._own:
            return
        item_id = self._own.pop(self._random.randrange(len(self._own)))
        self._ledger.items[item_id].may_be_deleted = True
        response = await self._call(self._items, "DELETE", f"/items/{item_id}")
        if response.is_success:
            self._ledger.deleted_items.add(item_id)

    @property
    def _me(self) -> int:
        assert self._id is not None
        return self._id

    async def _call(
        self, client: httpx.AsyncClient, method: str, path: str, **options: object
    ) -> httpx.Response:
        try:
            response = await client.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            self._ledger.failed_at.append(time.monotonic())
            raise NoAnswer from error
        status = response.status_code
        self._ledger.outcomes[f"{status}"] += 1
        is_unavailable = status == httpx.codes.SERVICE_UNAVAILABLE
        if status not in _EXPECTED or (is_unavailable and "Retry-After" not in response.headers):
            self._ledger.undocumented.append(f"{method} {path}: {status} {response.text}")
        if is_unavailable:
            self._ledger.failed_at.append(time.monotonic())
            await self._pause()
        return response

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(0.02, 0.2))
