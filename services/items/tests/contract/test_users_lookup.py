"""What items expects of `GET /users/{id}`, with its own client."""

import pytest

from app.clients.users import UserSummary
from chassis.web.errors import InvalidToken
from contracts.consumer import ExpectedProvider, Request, Response, State, read_by, state
from tests.contract.conftest import LARGE_ID, LONGEST_NAME, SPECIAL_NAME, ConnectTo

TOKEN = "caller-token"
SIGNED_IN = state("a signed-in caller")
ADA = UserSummary(id=7, name="Ada", is_active=True)
IDLE = UserSummary(id=7, name="Ada", is_active=False)
SPECIAL = UserSummary(id=7, name=SPECIAL_NAME, is_active=True)
LIMITS = UserSummary(id=LARGE_ID, name=LONGEST_NAME, is_active=True)


def look_up(user_id: int = 7) -> Request:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return Request(method="GET", path=f"/users/{user_id}", headers=headers)


def answer(user: UserSummary) -> Response:
    return Response(status=200, body=read_by(UserSummary, **user.model_dump(exclude_unset=True)))


def stored(user: UserSummary, role: str = "user") -> State:
    return state("a user", **user.model_dump(exclude_unset=True), role=role)


class TestLookup:
    @pytest.mark.parametrize(
        ("description", "caller"),
        [
            ("a look-up with an expired token", "a caller whose token has expired"),
            ("a look-up with a forged token", "a caller whose token somebody else signed"),
            ("a look-up by a deactivated caller", "a caller who was deactivated"),
            ("a look-up by a deleted caller", "a caller who was deleted"),
        ],
        ids=["expired", "forged", "deactivated", "deleted"],
    )
    async def test_lookup_with_an_invalid_token_returns_401(
        self, users: ExpectedProvider, connect_to: ConnectTo, description: str, caller: str
    ) -> None:
        with (
            users.answers(
                description,
                given=[state(caller), stored(ADA)],
                request=look_up(),
                response=Response(status=401),
            ) as url,
            pytest.raises(InvalidToken),
        ):
            await connect_to(url).get_user(7, TOKEN)

    @pytest.mark.parametrize(
        ("description", "given", "user"),
        [
            ("a look-up of an active user", stored(ADA), ADA),
            ("a look-up of a deactivated user", stored(IDLE), IDLE),
            ("a look-up of an administrator", stored(SPECIAL, role="admin"), SPECIAL),
            ("a look-up with the longest name and a large id", stored(LIMITS), LIMITS),
        ],
        ids=["active", "deactivated", "administrator", "limits"],
    )
    async def test_lookup_returns_name_and_activity(
        self,
        users: ExpectedProvider,
        connect_to: ConnectTo,
        description: str,
        given: State,
        user: UserSummary,
    ) -> None:
        with users.answers(
            description,
            given=[SIGNED_IN, given],
            request=look_up(user.id),
            response=answer(user),
        ) as url:
            assert await connect_to(url).get_user(user.id, TOKEN) == user

    async def test_lookup_of_the_caller_returns_the_name(
        self, users: ExpectedProvider, connect_to: ConnectTo
    ) -> None:
        with users.answers(
            "a look-up of the caller",
            given=[state("a signed-in user", id=7, name=SPECIAL_NAME)],
            request=look_up(),
            response=answer(SPECIAL),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) == SPECIAL

    @pytest.mark.parametrize(
        ("description", "user"),
        [
            ("a look-up of an unknown user", "no user"),
            ("a look-up of a deleted user", "a deleted user"),
        ],
        ids=["unknown", "deleted"],
    )
    async def test_lookup_of_an_unknown_user_returns_404(
        self, users: ExpectedProvider, connect_to: ConnectTo, description: str, user: str
    ) -> None:
        with users.answers(
            description,
            given=[SIGNED_IN, state(user, id=7)],
            request=look_up(),
            response=Response(status=404),
        ) as url:
            assert await connect_to(url).get_user(7, TOKEN) is None
