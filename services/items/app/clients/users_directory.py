"""Reads all users from the users service, with a service token. Nothing of httpx leaves this module."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Protocol

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from app.events.user_events import OwnerState, UserData
from app.settings import ItemsSettings
from chassis.auth.service_tokens import ServiceTokens, TokenRefused
from chassis.http.client import send_or_fail, service_client
from chassis.http.guarded_calls import CallGivenUp, CallPolicy, GuardedCalls

PAGE_SIZE = 500


class DirectoryFailed(Exception):
    """The users can't be read. The text is a sentence for the operator."""


class Directory(Protocol):
    def pages(self) -> AsyncIterator[list[OwnerState]]:
        """All users, each once, in ascending order of ids. A user who is deleted meanwhile may be missing.

        Raises:
            DirectoryFailed: also after some pages.
        """
        ...


class _Page(BaseModel):
    users: list[UserData]
    next_after_id: int | None


class UsersDirectory:
    """`Directory` over HTTP, with a token in the service's own name."""

    def __init__(
        self, http: httpx.AsyncClient, policy: CallPolicy, *, client_id: str, secret: SecretStr
    ) -> None:
        self._http = http
        self._calls = GuardedCalls(policy)
        self._tokens = ServiceTokens(http, policy, client_id=client_id, secret=secret)

    async def pages(self) -> AsyncIterator[list[OwnerState]]:
        after_id: int | None = 0
        while after_id is not None:
            page = _parsed(await self._read(after_id), after_id)
            yield [OwnerState(**user.model_dump()) for user in page.users]
            after_id = page.next_after_id

    async def _read(self, after_id: int) -> httpx.Response:
        token = await self._token()
        response = await self._list(after_id, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.discard(token)
            response = await self._list(after_id, await self._token())
        if response.status_code != httpx.codes.OK:
            raise DirectoryFailed(
                f"the users service answers {response.status_code} to GET /internal/users/."
            )
        return response

    async def _token(self) -> str:
        try:
            return await self._tokens.get()
        except CallGivenUp as error:
            raise _unavailable(error) from None
        except TokenRefused as error:
            if error.status == httpx.codes.UNAUTHORIZED:
                raise DirectoryFailed(
                    "the users service refuses ITEMS_USERS_CLIENT_ID and ITEMS_USERS_CLIENT_SECRET: "
                    "create a client there with `python -m app create-client items`."
                ) from None
            raise DirectoryFailed(
                f"the users service answers {error.status} to POST /auth/token, without a token."
            ) from None

    async def _list(self, after_id: int, token: str) -> httpx.Response:
        params = {"after_id": after_id, "limit": PAGE_SIZE}
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._calls.call(
                lambda: send_or_fail(
                    self._http, "GET", "/internal/users/", params=params, headers=headers
                )
            )
        except CallGivenUp as error:
            raise _unavailable(error) from None


@asynccontextmanager
async def open_directory(
    settings: ItemsSettings, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[UsersDirectory]:
    """A directory by the settings, closed at the end of the block."""
    policy = settings.directory_calls
    http = service_client(
        settings.users_url, timeout_seconds=policy.deadline_seconds, transport=transport
    )
    async with http:
        yield UsersDirectory(
            http,
            policy,
            client_id=settings.users_client_id or "",
            secret=settings.users_client_secret or SecretStr(""),
        )


def _unavailable(error: CallGivenUp) -> DirectoryFailed:
    return DirectoryFailed(f"the users service is unavailable: {error}.")


def _parsed(response: httpx.Response, after_id: int) -> _Page:
    """The page. A wrong order is an error, because the resync would delete the owners it seems to lack."""
    try:
        page = _Page.model_validate_json(response.content)
    except ValidationError:
        raise DirectoryFailed("the users service answers with an invalid page.") from None
    ids = [after_id, *(user.id for user in page.users)]
    is_ascending = all(before < after for before, after in pairwise(ids))
    is_last = page.next_after_id is None
    goes_on = len(ids) > 1 and page.next_after_id == ids[-1]
    if not (is_ascending and (is_last or goes_on)):
        raise DirectoryFailed("the users service answers with a page that isn't sorted by id.")
    return page
