"""What items expects of users' events and tokens, with its own handlers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.events.user_events import OwnerState, UserData, owner_state
from app.settings import ItemsSettings
from chassis.auth.tokens import TokenVerifier
from chassis.events.cloudevents import STRUCTURED, from_http
from contracts.consumer import ExpectedProvider, State, containing, matching, read_by, state, typed
from service_testing.tokens import TokenIssuer
from tests.contract.test_users_keys import KEY, KEY_ID

EVENT_ID = "5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
SECONDS = r"^[1-9]\d{9}$"
"""Ten digits: milliseconds would have thirteen."""
FAR_AWAY = 4_102_444_800
"""Seconds: a time in the future."""
BEFORE = state("a user at a version", id=7, name="Ada", is_active=True, version=2)


@pytest.fixture
def users(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("users")


def event(event_type: str, data: dict[str, Any], *, subject: Any = "7") -> dict[str, Any]:
    """What items reads of an event."""
    return {
        "specversion": "1.0",
        "id": matching(EVENT_ID, r"^[^\x00]{1,255}$"),
        "source": "/users",
        "type": event_type,
        "subject": subject,
        "time": matching("2026-11-23T09:30:00Z", TIME),
        "data": data,
    }


def taken(
    users: ExpectedProvider, description: str, body: dict[str, Any], *given: State
) -> OwnerState | None:
    """The owner's state that items reads from the event."""
    with users.sends(description, given=given, body=body, content_type=STRUCTURED) as content:
        return owner_state(from_http({"content-type": STRUCTURED}, content))


class TestEvents:
    def test_event_of_a_new_user_gives_a_new_owner(self, users: ExpectedProvider) -> None:
        data = read_by(UserData, id=typed(7), name="Ada", is_active=True, version=1)
        body = event("user.created", data, subject=matching("7", "^[1-9][0-9]*$"))
        state = taken(users, "the event of a new user", body)
        assert state == OwnerState(id=7, name="Ada", is_active=True, version=1)

    def test_event_has_the_longest_name(self, users: ExpectedProvider) -> None:
        name = "Ł" * 120
        data = read_by(UserData, id=typed(7), name=name, is_active=True, version=1)
        body = event("user.created", data, subject=matching("7", "^[1-9][0-9]*$"))
        state = taken(users, "the event of a user with the longest name", body)
        assert state == OwnerState(id=7, name=name, is_active=True, version=1)

    def test_event_of_a_reactivation_has_the_whole_state(self, users: ExpectedProvider) -> None:
        after = OwnerState(id=7, name="Ada", is_active=True, version=3)
        data = read_by(UserData, **after.model_dump(exclude={"is_deleted"}))
        given = state("a user at a version", id=7, name="Ada", is_active=False, version=2)
        body = event("user.updated", data)
        assert taken(users, "the event of a reactivated user", body, given) == after

    @pytest.mark.parametrize(
        ("description", "changes"),
        [
            ("the event of a renamed user", {"name": "Augusta"}),
            ("the event of a deactivated user", {"is_active": False}),
        ],
        ids=["renamed", "deactivated"],
    )
    def test_event_of_a_change_has_the_whole_state(
        self, users: ExpectedProvider, description: str, changes: dict[str, Any]
    ) -> None:
        values = {"id": 7, "name": "Ada", "is_active": True, "version": 3, **changes}
        body = event("user.updated", read_by(UserData, **values))
        assert taken(users, description, body, BEFORE) == OwnerState(**values)

    def test_event_of_a_deletion_has_the_next_version(self, users: ExpectedProvider) -> None:
        data = read_by(UserData, id=7, name=typed("Ada"), is_active=typed(False), version=3)
        state = taken(users, "the event of a deleted user", event("user.deleted", data), BEFORE)
        assert state == OwnerState.deleted(7, version=3)


def token(*, audience: Any, **claims: Any) -> dict[str, Any]:
    """What items reads of a token, with the published key that signed it."""
    return {
        "header": {"alg": "EdDSA", "kid": matching(KEY_ID, r"^\S+$")},
        "claims": {
            "iss": "users",
            "aud": audience,
            "iat": matching(1_700_000_000, SECONDS),
            "exp": matching(FAR_AWAY, SECONDS),
            "jti": matching("4f6e", r"^\S+$"),
            **claims,
        },
        "key": KEY,
    }


class TestAccessTokens:
    @pytest.mark.parametrize(
        ("description", "role"),
        [
            ("the access token of a user", "user"),
            ("the access token of an administrator", "admin"),
            ("the access token after a refresh", "user"),
        ],
        ids=["user", "admin", "refreshed"],
    )
    async def test_access_token_of_a_user_is_accepted(
        self, users: ExpectedProvider, token_issuer: TokenIssuer, description: str, role: str
    ) -> None:
        body = token(audience=containing("items"), sub="7", role=role)
        with users.sends(
            description, given=[], body=body, content_type="application/json"
        ) as content:
            sent = token_issuer.token(**json.loads(content)["claims"])
            principal = await TokenVerifier(
                token_issuer, audience="items", issuer="users"
            ).principal(sent)
        assert (principal.user_id, principal.role) == (7, role)

    async def test_token_of_a_relay_is_only_for_events(
        self, users: ExpectedProvider, token_issuer: TokenIssuer, settings: ItemsSettings
    ) -> None:
        audience = settings.events_token_audience
        body = token(audience=audience, sub=typed("users"))
        with users.sends(
            "the token of a relay",
            given=[state("a subscriber", name="items")],
            body=body,
            content_type="application/json",
        ) as content:
            sent = token_issuer.token(without=("role",), **json.loads(content)["claims"])
            claims = await TokenVerifier(token_issuer, audience=audience, issuer="users").claims(
                sent
            )
        assert claims["aud"] == audience
