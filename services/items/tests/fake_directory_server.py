"""A fake of the two routes of users that a resync needs, for a transport."""

import base64
from typing import Any

import httpx

from tests.factories import Account

CLIENT_ID, SECRET = "items", "a:secret+with%signs"
# "items" and the secret, each form-encoded, joined by a colon (RFC 6749, section 2.3.1).
BASIC = "Basic " + base64.b64encode(b"items:a%3Asecret%2Bwith%25signs").decode()


class DirectoryServer:
    """Lists the accounts. A token is valid for `pages_per_token` pages."""

    def __init__(self, *accounts: Account, pages_per_token: int = 1000) -> None:
        self.accounts = accounts
        self.paths: list[str] = []
        self.queries: list[dict[str, str]] = []
        self._pages_per_token = pages_per_token
        self._tokens = 0
        self._pages_left = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        if request.url.path == "/auth/token":
            return self._grant(request)
        assert request.url.path == "/internal/users/"
        self.queries.append(dict(request.url.params))
        is_good = request.headers["Authorization"] == f"Bearer token-{self._tokens}"
        if not is_good or self._pages_left == 0:
            return httpx.Response(401, json={"error": "invalid_token"})
        self._pages_left -= 1
        return httpx.Response(200, json=self._page(**self.queries[-1]))

    def _grant(self, request: httpx.Request) -> httpx.Response:
        assert request.content == b"grant_type=client_credentials"
        if request.headers.get("Authorization") != BASIC:
            return httpx.Response(401, json={"error": "invalid_client"})
        self._tokens += 1
        self._pages_left = self._pages_per_token
        body = {"access_token": f"token-{self._tokens}", "token_type": "bearer", "expires_in": 900}
        return httpx.Response(200, json=body)

    def _page(self, after_id: str, limit: str) -> dict[str, Any]:
        rest = [account for account in self.accounts if account.id > int(after_id)]
        page = rest[: int(limit)]
        next_after_id = page[-1].id if len(rest) > len(page) else None
        users = [{**account.data, "hat": None} for account in page]
        return {"users": users, "next_after_id": next_after_id, "more": "to come"}
