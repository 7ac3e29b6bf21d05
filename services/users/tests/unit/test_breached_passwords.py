"""The client of a service that knows leaked passwords."""

import hashlib

import httpx
import pytest
from structlog.testing import capture_logs

from app.clients.breached_passwords import (
    BreachedPasswordsClient,
    NoBreachedPasswords,
    open_breached_passwords,
)
from app.settings import UsersSettings
from service_testing.faults import UNCOVERED, Behaviour, FaultyTransport, Held, refused, uncovered

PASSWORD = "a kettle of fish"


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


async def ranges(request: httpx.Request) -> httpx.Response:
    """A fake of the range API of haveibeenpwned.com, which knows one password and pads its answer."""
    leaked, padding = digest(PASSWORD), digest("a padded password")
    assert request.headers["Add-Padding"] == "true"
    prefix = request.url.path.removeprefix("/range/")
    lines = [f"{'0' * 35}:3", f"{padding[5:]}:0"]
    if leaked.startswith(prefix):
        lines.append(f"{leaked[5:]}:17")
    return httpx.Response(200, text="\r\n".join(lines), extensions={UNCOVERED: True})


async def contains(
    password: str, *behaviours: Behaviour, deadline_seconds: float = 1.0
) -> tuple[bool, FaultyTransport]:
    transport = FaultyTransport(*behaviours)
    async with httpx.AsyncClient(base_url="https://ranges.example", transport=transport) as http:
        client = BreachedPasswordsClient(http, deadline_seconds=deadline_seconds)
        return await client.contains(password), transport


@pytest.mark.parametrize(
    ("password", "is_leaked"),
    [(PASSWORD, True), ("a padded password", False), ("an unknown password", False)],
)
async def test_only_a_password_with_a_count_has_leaked(password: str, is_leaked: bool) -> None:
    assert (await contains(password, ranges))[0] is is_leaked


async def test_only_five_digits_of_the_hash_are_sent() -> None:
    _, transport = await contains(PASSWORD, ranges)
    (request,) = transport.requests
    assert request.url.path == f"/range/{digest(PASSWORD)[:5]}"
    sent = f"{request.url} {request.headers} {request.content!r}".upper()
    assert digest(PASSWORD)[:6] not in sent


@pytest.mark.parametrize("behaviour", [refused(), uncovered(503), uncovered(404)])
async def test_unavailable_service_lets_passwords_pass_and_is_logged(behaviour: Behaviour) -> None:
    with capture_logs() as logs:
        assert (await contains(PASSWORD, behaviour))[0] is False
    (line,) = logs
    assert line["event"] == "breached_passwords_unavailable"
    assert digest(PASSWORD)[:5] not in str(line)


async def test_answer_after_the_deadline_lets_passwords_pass() -> None:
    with capture_logs() as logs:
        assert (await contains(PASSWORD, Held(ranges), deadline_seconds=0.01))[0] is False
    assert [line["reason"] for line in logs] == ["TimeoutError"]


async def test_check_is_off_unless_its_url_is_set(settings: UsersSettings) -> None:
    async with open_breached_passwords(settings) as client:
        assert isinstance(client, NoBreachedPasswords)
    given = settings.model_copy(update={"breached_passwords_url": "https://ranges.example"})
    async with open_breached_passwords(given) as client:
        assert isinstance(client, BreachedPasswordsClient)
