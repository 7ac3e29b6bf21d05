"""Rotation of signing keys: no valid token is refused meanwhile."""

from datetime import timedelta

import jwt
import pytest
from sqlalchemy import delete
from sqlmodel import col, select

from app.models import SigningKey
from app.services.access_tokens import TokenIssuer
from app.services.signing_keys import KeyRing, rotate
from app.settings import UsersSettings
from chassis.auth.tokens import TokenVerifier
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent
from chassis.web.errors import InvalidToken
from service_testing.frozen_time import FrozenTime
from service_testing.isolation import IsolatedDatabase
from service_testing.queries import QueryCounter

HEAD_START = 300
RELOAD = 5
RELOAD_FOR_AN_UNKNOWN = 1
LIFETIME = 900
LEEWAY = 10


class Timeline:
    """The keys of one process, its monotonic clock and the time of day."""

    def __init__(
        self, database: IsolatedDatabase, settings: UsersSettings, frozen_time: FrozenTime
    ) -> None:
        self.start = utc_now()
        self.seconds = 0.0
        self.keys = KeyRing(database, settings, clock=lambda: self.seconds)
        self.issuer = TokenIssuer(
            self.keys,
            issuer="users",
            lifetime_seconds=settings.access_token_seconds,
            user_audiences=["users"],
        )
        self.verifier = TokenVerifier(self.keys, audience="users", issuer="users")
        self._wall = frozen_time

    def move_to(self, seconds: float) -> None:
        self.seconds = seconds
        self._wall.move_to(self.start + timedelta(seconds=seconds))

    async def token(self) -> str:
        token = await self.issuer.for_user(1, "user", session_id=1, signed_in_at=utc_now())
        return token.access_token

    async def published_ids(self) -> list[str]:
        return [key["kid"] for key in await self.keys.published()]


@pytest.fixture
async def timeline(
    database: IsolatedDatabase,
    session: WriteSession,
    settings: UsersSettings,
    frozen_time: FrozenTime,
) -> Timeline:
    """A service with one key, created now."""
    await session.exec(delete(SigningKey))
    await session.commit()
    timeline = Timeline(database, settings, frozen_time)
    await timeline.keys.signing_key()
    return timeline


def key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


class TestHeadStart:
    async def test_new_key_is_published_before_it_signs(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        assert settings.jwks_max_age_seconds == HEAD_START
        timeline.move_to(1)
        old = key_id(await timeline.token())
        key, _ = await rotate(session, settings, at_once=False)
        await session.commit()
        assert await timeline.published_ids() == [old, key.key_id]
        timeline.move_to(HEAD_START)
        assert key_id(await timeline.token()) == old
        timeline.move_to(HEAD_START + 2)
        assert key_id(await timeline.token()) == key.key_id

    async def test_old_tokens_stay_valid_until_they_expire(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        _, old_until = await rotate(session, settings, at_once=False)
        await session.commit()
        assert old_until == timeline.start + timedelta(
            seconds=HEAD_START + RELOAD + LIFETIME + LEEWAY
        )
        timeline.move_to(HEAD_START - 1)
        last_token = await timeline.token()
        timeline.move_to(HEAD_START + LIFETIME - 2)
        assert (await timeline.verifier.principal(last_token)).user_id == 1

    async def test_old_key_is_unpublished_and_refused_in_the_end(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        old = key_id(await timeline.token())
        _, old_until = await rotate(session, settings, at_once=False)
        await session.commit()
        timeline.move_to((old_until - timeline.start).total_seconds() - 1)
        assert old in await timeline.published_ids()
        found = await timeline.keys.find(old)
        assert found is not None
        timeline.move_to((old_until - timeline.start).total_seconds() + RELOAD)
        assert await timeline.keys.find(old) is None
        assert old not in await timeline.published_ids()

    async def test_two_rotations_never_sign_with_a_key_unknown_to_verifiers(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        first_seen: dict[str, float] = {}
        signed: set[str] = set()
        for second in (0, 100, 200, 299, 301, 399, 401, 1000, 1214, 1216, 1314, 1316, 1400):
            timeline.move_to(second)
            if second in {0, 100}:
                await rotate(session, settings, at_once=False)
                await session.commit()
            for published in await timeline.published_ids():
                first_seen.setdefault(published, second)
            signer = key_id(await timeline.token())
            if signer not in signed:
                assert second == 0 or second - first_seen[signer] >= HEAD_START
            signed.add(signer)
        assert len(signed) == 3


class TestAtOnce:
    async def test_rotation_at_once_takes_effect_at_the_next_reload(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        old_token = await timeline.token()
        key, _ = await rotate(session, settings, at_once=True)
        await session.commit()
        timeline.move_to(RELOAD)
        assert key_id(await timeline.token()) == key.key_id
        assert (await timeline.verifier.principal(old_token)).user_id == 1

    async def test_rotation_at_once_overrides_a_key_that_is_not_active_yet(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        await rotate(session, settings, at_once=False)
        key, _ = await rotate(session, settings, at_once=True)
        await session.commit()
        for second in (RELOAD, HEAD_START + 10, 5000):
            timeline.move_to(second)
            assert key_id(await timeline.token()) == key.key_id


class TestRevocation:
    async def test_revoked_keys_are_unpublished_at_once_and_their_tokens_end(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        await rotate(session, settings, at_once=False)
        await session.commit()
        stolen_token = await timeline.token()
        stolen = await timeline.keys.signing_key()
        key, old_until = await rotate(session, settings, at_once=True, revoke_old=True)
        await session.commit()
        assert old_until == timeline.start
        assert await timeline.published_ids() == [key.key_id]
        timeline.move_to(RELOAD)
        assert key_id(await timeline.token()) == key.key_id
        assert await timeline.keys.find(stolen.key_id) is None
        with pytest.raises(InvalidToken):
            await timeline.verifier.principal(stolen_token)

    async def test_subscribers_get_an_event_whose_token_makes_them_fetch_the_keys(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        for second in (0, 60):
            timeline.move_to(second)
            await rotate(session, settings, at_once=True, revoke_old=True)
            await session.commit()
        events = (await session.exec(select(OutboxEvent).order_by(col(OutboxEvent.version)))).all()
        assert [(event.type, event.data) for event in events] == [("keys.revoked", {})] * 2

    async def test_rotation_without_revocation_writes_no_event(
        self, timeline: Timeline, session: WriteSession, settings: UsersSettings
    ) -> None:
        timeline.move_to(1)
        await rotate(session, settings, at_once=True)
        assert (await session.exec(select(OutboxEvent))).all() == []


class TestUnknownKey:
    async def test_unknown_key_is_looked_up_again_after_a_second(
        self,
        timeline: Timeline,
        database: IsolatedDatabase,
        session: WriteSession,
        settings: UsersSettings,
        frozen_time: FrozenTime,
    ) -> None:
        replica = Timeline(database, settings, frozen_time)
        await replica.keys.signing_key()
        await rotate(session, settings, at_once=True)
        await session.commit()
        timeline.move_to(RELOAD)
        token = await timeline.token()
        replica.seconds = RELOAD_FOR_AN_UNKNOWN - 0.1
        with pytest.raises(InvalidToken):
            await replica.verifier.principal(token)
        replica.seconds = RELOAD_FOR_AN_UNKNOWN
        assert (await replica.verifier.principal(token)).user_id == 1

    async def test_unknown_keys_are_looked_up_once_a_second(
        self, timeline: Timeline, query_counter: QueryCounter
    ) -> None:
        timeline.move_to(RELOAD_FOR_AN_UNKNOWN)
        with query_counter.at_most(1):
            for number in range(10):
                assert await timeline.keys.find(f"made up {number}") is None
