"""The users service as a fake: the client's own methods and errors, and a memory."""

import json
from collections.abc import Awaitable, Callable

from app.errors import UsersUnavailable
from app.users_client import UserSummary
from chassis.errors import InvalidToken
from service_testing.tokens import TokenIssuer


async def _nothing() -> None:
    """Nothing happens meanwhile."""


class FakeUsers:
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self.key_set = issuer.jwks
        """What is published, as a function."""
        self.key_fetches = 0
        self.forget()

    def forget(self) -> None:
        self._users: dict[int, UserSummary] = {}
        self.is_down = False
        """Look-ups fail."""
        self.refuses_tokens = False
        self.keys_are_down = False
        """For an app of the test's own: an app remembers, beyond a test, that it got no keys."""
        self.meanwhile: Callable[[], Awaitable[None]] = _nothing
        """What happens while a look-up is under way."""
        self.tokens_seen: list[str] = []
        """The token of each look-up."""

    @property
    def lookups(self) -> int:
        return len(self.tokens_seen)

    def add(
        self, *, user_id: int, name: str = "Ada", role: str = "user", is_active: bool = True
    ) -> str:
        """Let there be this user; a good access token of theirs."""
        self._users[user_id] = UserSummary(id=user_id, name=name, is_active=is_active)
        return self._issuer.token(user_id=user_id, role=role)

    def remove(self, user_id: int) -> None:
        del self._users[user_id]

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        self.tokens_seen.append(token)
        await self.meanwhile()
        if self.is_down:
            raise UsersUnavailable
        if self.refuses_tokens:
            raise InvalidToken
        return self._users.get(user_id)

    async def fetch_keys(self) -> str:
        self.key_fetches += 1
        if self.keys_are_down:
            raise UsersUnavailable
        return json.dumps(self.key_set())
