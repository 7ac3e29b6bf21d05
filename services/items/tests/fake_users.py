"""Fakes of the clients of users: the same methods and errors, and a memory."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

from app.clients.users import UserSummary
from app.clients.users_directory import DirectoryFailed
from app.errors import UsersUnavailable
from app.events.user_events import OwnerState
from chassis.web.errors import InvalidToken
from contracts.fakes import check_answer
from service_testing.tokens import TokenIssuer
from tests.factories import Account


async def _nothing() -> None:
    """Do nothing."""


async def _nothing_before(_: int) -> None:
    """Do nothing."""


def check_user(user_id: int, user: UserSummary | None) -> None:
    """Compare the result of a lookup with the contract with users."""
    if user:
        check_answer("GET", f"/users/{user_id}", 200, user.model_dump())
    else:
        check_answer("GET", f"/users/{user_id}", 404)


class FakeDirectory:
    """A fake of `UsersDirectory`. Each page has the state at the time when it is read."""

    def __init__(self, *accounts: Account, page_size: int = 2) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.before_page: Callable[[int], Awaitable[None]] = _nothing_before
        """Called before each page is read, and before the end, with the number of the page from 0."""
        self.fails_at_page: int | None = None
        self._page_size = page_size

    async def pages(self) -> AsyncIterator[list[OwnerState]]:
        after_id = number = 0
        while True:
            await self.before_page(number)
            if number == self.fails_at_page:
                raise DirectoryFailed("the users service is unavailable: injected.")
            rest = sorted(user_id for user_id in self.accounts if user_id > after_id)
            ids = rest[: self._page_size]
            users = [self.accounts[user_id].data for user_id in ids]
            is_last = len(rest) <= self._page_size
            page = {"users": users, "next_after_id": None if is_last else ids[-1]}
            check_answer("GET", "/internal/users/", 200, page)
            yield [OwnerState(**user) for user in users]
            if is_last:
                return
            after_id, number = ids[-1], number + 1


class FakeUsers:
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self.key_set = issuer.jwks
        """Returns the published keys."""
        self.keys_are_no_keys = False
        """The published document is invalid, so it isn't compared with the contract."""
        self.key_fetches = 0
        self.forget()

    def forget(self) -> None:
        self._users: dict[int, UserSummary] = {}
        self.is_down = False
        """Lookups fail."""
        self.refuses_tokens = False
        self.keys_are_down = False
        """Set it only with an app of the test's own: an app remembers that it got no keys."""
        self.meanwhile: Callable[[], Awaitable[None]] = _nothing
        """Called during each lookup."""
        self.tokens_seen: list[str] = []
        """The token of each lookup."""
        self.answers_next: UserSummary | None = None
        """A result from before `meanwhile` was called."""

    @property
    def lookups(self) -> int:
        return len(self.tokens_seen)

    def add(
        self, *, user_id: int, name: str = "Ada", role: str = "user", is_active: bool = True
    ) -> str:
        """Add a user. Returns a valid access token of theirs."""
        self._users[user_id] = UserSummary(id=user_id, name=name, is_active=is_active)
        return self._issuer.token(user_id=user_id, role=role)

    def remove(self, user_id: int) -> None:
        del self._users[user_id]

    def summary(self, user_id: int) -> UserSummary:
        return self._users[user_id]

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        self.tokens_seen.append(token)
        await self.meanwhile()
        if self.is_down:
            raise UsersUnavailable
        if self.refuses_tokens:
            check_answer("GET", f"/users/{user_id}", 401)
            raise InvalidToken
        answer, self.answers_next = self.answers_next, None
        user = answer or self._users.get(user_id)
        check_user(user_id, user)
        return user

    async def fetch_keys(self) -> str:
        self.key_fetches += 1
        if self.keys_are_down:
            raise UsersUnavailable
        keys = self.key_set()
        if not self.keys_are_no_keys:
            check_answer("GET", "/.well-known/jwks.json", 200, keys)
        return json.dumps(keys)
