"""The users service as a fake: the client's own methods and errors, and a memory."""

import json

from app.errors import UsersUnavailable
from app.users_client import UserSummary
from chassis.errors import InvalidToken
from service_testing.tokens import TokenIssuer


class FakeUsers:
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self.forget()

    def forget(self) -> None:
        self._users: dict[int, UserSummary] = {}
        self.is_down = False
        """Look-ups fail. The keys stay reachable: the app remembers, beyond a test, that they weren't."""
        self.refuses_tokens = False
        self.lookups = 0

    def add(
        self, *, user_id: int, name: str = "Ada", role: str = "user", is_active: bool = True
    ) -> str:
        """Let there be this user; a good access token of theirs."""
        self._users[user_id] = UserSummary(id=user_id, name=name, is_active=is_active)
        return self._issuer.token(user_id=user_id, role=role)

    def remove(self, user_id: int) -> None:
        del self._users[user_id]

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        self.lookups += 1
        if self.is_down:
            raise UsersUnavailable
        if self.refuses_tokens:
            raise InvalidToken
        return self._users.get(user_id)

    async def fetch_keys(self) -> str:
        return json.dumps(self._issuer.jwks())
