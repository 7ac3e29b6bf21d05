"""What items expects of users' events and tokens, with its own handlers."""

import json
from typing import Any, get_args

import pytest

from app.events.user_events import SENDER, OwnerState, UserData, owner_state
from app.settings import ItemsSettings
from chassis.auth.tokens import Role, TokenVerifier
from chassis.events.cloudevents import STRUCTURED, Event, from_http
from contracts.consumer import ExpectedProvider, State, containing, matching, read_by, state, typed
from service_testing.tokens import TokenIssuer
from tests.contract.conftest import LONGEST_NAME, SPECIAL_NAME
from tests.contract.test_users_keys import KEY, KEY_ID

JSON = "application/json"
EVENT_IDS = ["5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b", "0b8a1c53-7f0e-4b44-9d8c-5b0f3c2f1e77"]
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
SECONDS = r"^[1-9]\d{9}$"
"""Ten digits: milliseconds would have thirteen."""
FAR_AWAY = 4_102_444_800
"""Seconds: a time in the future."""
BEFORE: dict[str, Any] = {
    "id": 7,
    "name": "Ada",
    "is_active": True,
    "role": "user",
    "version": 2,
}


def stored(**changes: Any) -> State:
    return state("a user at a version", **{**BEFORE, **changes})


def event(
    event_type: str,
    data: dict[str, Any],
    *,
    subject: Any = "7",
    event_id: str = EVENT_IDS[0],
) -> dict[str, Any]:
    """What items reads of an event."""
    return {
        "specversion": "1.0",
        "id": matching(event_id, r"^[^\x00]{1,255}$"),
        "source": "/users",
        "type": event_type,
        "subject": subject,
        "time": matching("2026-11-23T09:30:00Z", TIME),
        "data": data,
    }


def read_event(content: bytes) -> Event:
    return from_http({"content-type": STRUCTURED}, content)


class TestEvents:
    @pytest.mark.parametrize(
        ("description", "name"),
        [
            ("the event of a new user", SPECIAL_NAME),
            ("the event of a user with the longest name", LONGEST_NAME),
        ],
        ids=["special", "longest"],
    )
    def test_event_of_a_new_user_gives_a_new_owner(
        self, users: ExpectedProvider, description: str, name: str
    ) -> None:
        data = read_by(UserData, id=typed(7), name=name, is_active=True, role="user", version=1)
        body = event("user.created", data, subject=matching("7", "^[1-9][0-9]*$"))
        with users.sends(description, given=[], body=body, content_type=STRUCTURED) as content:
            state = owner_state(read_event(content))
        assert state == OwnerState(id=7, name=name, is_active=True, role="user", version=1)

    @pytest.mark.parametrize(
        ("description", "before", "changes"),
        [
            ("the event of a renamed user", {}, {"name": SPECIAL_NAME}),
            ("the event of a renamed administrator", {"role": "admin"}, {"name": SPECIAL_NAME}),
            ("the event of a deactivated user", {}, {"is_active": False}),
            ("the event of a reactivated user", {"is_active": False}, {"is_active": True}),
            ("the event of a promoted user", {}, {"role": "admin"}),
            ("the event of a demoted administrator", {"role": "admin"}, {"role": "user"}),
        ],
        ids=["renamed", "administrator", "deactivated", "reactivated", "promoted", "demoted"],
    )
    def test_event_of_a_change_has_the_whole_state(
        self,
        users: ExpectedProvider,
        description: str,
        before: dict[str, Any],
        changes: dict[str, Any],
    ) -> None:
        after = {**BEFORE, **before, "version": 3, **changes}
        body = event("user.updated", read_by(UserData, **after))
        given = [stored(**before)]
        with users.sends(description, given=given, body=body, content_type=STRUCTURED) as content:
            assert owner_state(read_event(content)) == OwnerState(**after)

    def test_event_of_a_deletion_has_the_next_version(self, users: ExpectedProvider) -> None:
        data = read_by(
            UserData, id=7, name=typed("Ada"), is_active=typed(False), role=typed("user"), version=3
        )
        body = event("user.deleted", data)
        with users.sends(
            "the event of a deleted user", given=[stored()], body=body, content_type=STRUCTURED
        ) as content:
            assert owner_state(read_event(content)) == OwnerState.deleted(7, version=3)

    def test_two_events_of_a_user_have_different_ids(self, users: ExpectedProvider) -> None:
        """Pact can't compare two values of a message, so the provider counts the different ids."""
        names = ["Augusta", SPECIAL_NAME]
        events = [
            event(
                "user.updated",
                read_by(UserData, **{**BEFORE, "name": name, "version": version}),
                event_id=event_id,
            )
            for event_id, name, version in zip(EVENT_IDS, names, (3, 4), strict=True)
        ]
        body = {"events": events, "different_ids": 2}
        with users.sends(
            "two events of a user", given=[stored()], body=body, content_type=JSON
        ) as content:
            sent = json.loads(content)
        received = [read_event(json.dumps(each).encode()) for each in sent["events"]]
        assert len({(each.source, each.id) for each in received}) == sent["different_ids"]
        assert [state.name for state in map(owner_state, received) if state] == names


def token(*, audience: Any, **claims: Any) -> dict[str, Any]:
    """What items reads of a token, with the published key that signed it."""
    return {
        "header": {"alg": "EdDSA", "typ": "at+jwt", "kid": matching(KEY_ID, r"^\S+$")},
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
        body = token(
            audience=containing("items"), sub="7", client_id=typed("first-party"), role=role
        )
        with users.sends(description, given=[], body=body, content_type=JSON) as content:
            sent = token_issuer.token(**json.loads(content)["claims"])
            principal = await verifier(token_issuer, "items").principal(sent)
        assert (principal.user_id, principal.role) == (7, role)

    async def test_every_role_of_an_access_token_is_accepted(
        self, users: ExpectedProvider, token_issuer: TokenIssuer
    ) -> None:
        """If users adds a role, verifiers have to accept it first."""
        body = {"roles": sorted(get_args(Role))}
        with users.sends(
            "the roles of access tokens", given=[], body=body, content_type=JSON
        ) as content:
            for role in json.loads(content)["roles"]:
                sent = token_issuer.token(audience="items", role=role)
                assert (await verifier(token_issuer, "items").principal(sent)).role == role

    async def test_token_of_a_relay_is_only_for_events(
        self, users: ExpectedProvider, token_issuer: TokenIssuer, settings: ItemsSettings
    ) -> None:
        audience = settings.events_token_audience
        body = token(audience=audience, sub=SENDER, client_id=typed("users"))
        given = [state("a subscriber", name="items")]
        with users.sends(
            "the token of a relay", given=given, body=body, content_type=JSON
        ) as content:
            sent = token_issuer.token(without=("role",), **json.loads(content)["claims"])
            claims = await verifier(token_issuer, audience).claims(sent)
        assert claims["aud"] == audience


def verifier(token_issuer: TokenIssuer, audience: str) -> TokenVerifier:
    return TokenVerifier(token_issuer, audience=audience, issuer="users")
