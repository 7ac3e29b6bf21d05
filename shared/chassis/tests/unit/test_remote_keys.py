import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.auth.remote_keys import (
    MAX_AGE_SECONDS,
    MIN_REFRESH_INTERVAL_SECONDS,
    KeysUnavailable,
    RemoteKeys,
)
from service_testing.tokens import TokenIssuer

Jwk = dict[str, Any]


class PublisherAway(Exception):
    pass


def jwk(key_id: str) -> Jwk:
    return dict(TokenIssuer(key_id=key_id).jwks()["keys"][0])


class Publisher:
    """The other service: publishes keys, may be away, and may take its time."""

    def __init__(self, *keys: Jwk) -> None:
        self.document = json.dumps({"keys": keys})
        self.failure: Exception | None = None
        self.calls = 0
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    def publish(self, *keys: Jwk) -> None:
        self.document = json.dumps({"keys": keys})

    async def fetch(self) -> str:
        self.calls += 1
        self.asked.set()
        await self.answers.wait()
        if self.failure:
            raise self.failure
        return self.document


class Store:
    """Where keys outlive the process."""

    def __init__(self, document: str | None = None) -> None:
        self.document = document
        self.failure: Exception | None = None
        self.saves = 0

    async def load(self) -> str | None:
        if self.failure:
            raise self.failure
        return self.document

    async def save(self, document: str) -> None:
        if self.failure:
            raise self.failure
        self.saves += 1
        self.document = document


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def publisher() -> Publisher:
    return Publisher(jwk("k1"))


@pytest.fixture
def store() -> Store:
    return Store()


StartKeys = Callable[[], RemoteKeys]


@pytest.fixture
def start(publisher: Publisher, store: Store, clock: Clock) -> StartKeys:
    """What a process does when it starts; called again, it is a restart."""

    def start() -> RemoteKeys:
        return RemoteKeys(publisher.fetch, store, failures=(PublisherAway,), clock=clock)

    return start


@pytest.fixture
def keys(start: StartKeys) -> RemoteKeys:
    return start()


async def assert_found(keys: RemoteKeys, key_id: str) -> None:
    key = await keys.find(key_id)
    assert key is not None
    assert key.key_id == key_id


class TestCache:
    async def test_a_key_is_fetched_once(self, keys: RemoteKeys, publisher: Publisher) -> None:
        assert publisher.calls == 0
        for _ in range(3):
            await assert_found(keys, "k1")
        assert publisher.calls == 1

    async def test_old_keys_are_fetched_anew(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await keys.find("k1")
        clock.advance(MAX_AGE_SECONDS - 1)
        await keys.find("k1")
        assert publisher.calls == 1
        clock.advance(1)
        await keys.find("k1")
        assert publisher.calls == 2

    async def test_a_revoked_key_is_good_no_longer_than_keys_are_kept(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await assert_found(keys, "k1")
        publisher.publish(jwk("k2"))
        await assert_found(keys, "k1")
        clock.advance(MAX_AGE_SECONDS)
        assert await keys.find("k1") is None
        await assert_found(keys, "k2")

    async def test_a_new_key_is_found_at_once_and_the_old_one_stays_good(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await assert_found(keys, "k1")
        publisher.publish(jwk("k1"), jwk("k2"))
        clock.advance(MIN_REFRESH_INTERVAL_SECONDS)
        await assert_found(keys, "k2")
        await assert_found(keys, "k1")
        assert publisher.calls == 2


class TestUnknownIds:
    async def test_an_id_that_is_not_published_has_no_key(self, keys: RemoteKeys) -> None:
        assert await keys.find("made-up") is None

    async def test_made_up_ids_do_not_become_traffic(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        for number in range(100):
            assert await keys.find(f"made-up-{number}") is None
        assert publisher.calls == 1
        clock.advance(MIN_REFRESH_INTERVAL_SECONDS)
        for number in range(100):
            assert await keys.find(f"made-up-{number}") is None
        assert publisher.calls == 2

    async def test_a_hundred_finds_at_the_same_time_are_one_refresh(
        self, keys: RemoteKeys, publisher: Publisher
    ) -> None:
        publisher.answers.clear()
        async with asyncio.TaskGroup() as tasks:
            finds = [tasks.create_task(keys.find("k1")) for _ in range(100)]
            await publisher.asked.wait()
            publisher.answers.set()
        assert all(find.result() for find in finds)
        assert publisher.calls == 1

    async def test_a_known_key_does_not_wait_for_the_refresh_of_another_request(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await keys.find("k1")
        clock.advance(MAX_AGE_SECONDS)
        publisher.asked.clear()
        publisher.answers.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keys.find("k1"))
            await publisher.asked.wait()
            await assert_found(keys, "k1")
            publisher.answers.set()
        assert publisher.calls == 2


class TestPublisherAway:
    @pytest.fixture(autouse=True)
    def quiet(self) -> Any:
        with capture_logs() as lines:
            yield lines

    async def test_it_can_not_be_told_whether_an_unknown_key_is_good(
        self, keys: RemoteKeys, publisher: Publisher
    ) -> None:
        publisher.failure = PublisherAway()
        for _ in range(3):
            with pytest.raises(KeysUnavailable):
                await keys.find("k1")
        assert publisher.calls == 1

    async def test_known_keys_go_on_serving_however_old(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await keys.find("k1")
        publisher.failure = PublisherAway()
        for _ in range(10):
            clock.advance(MAX_AGE_SECONDS)
            await assert_found(keys, "k1")

    async def test_known_keys_do_not_ask_each_time(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await keys.find("k1")
        publisher.failure = PublisherAway()
        clock.advance(MAX_AGE_SECONDS)
        for _ in range(100):
            await assert_found(keys, "k1")
        assert publisher.calls == 2

    async def test_an_id_of_a_new_key_can_not_be_told_beside_known_ones(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        await keys.find("k1")
        publisher.failure = PublisherAway()
        clock.advance(MIN_REFRESH_INTERVAL_SECONDS)
        with pytest.raises(KeysUnavailable):
            await keys.find("k2")
        await assert_found(keys, "k1")

    async def test_keys_are_had_again_when_it_is_back(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        publisher.failure = PublisherAway()
        with pytest.raises(KeysUnavailable):
            await keys.find("k1")
        publisher.failure = None
        clock.advance(MIN_REFRESH_INTERVAL_SECONDS)
        await assert_found(keys, "k1")
        assert await keys.find("made-up") is None

    async def test_a_refresh_that_is_cancelled_counts_as_one_that_failed(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock
    ) -> None:
        publisher.answers.clear()
        find = asyncio.create_task(keys.find("k1"))
        await publisher.asked.wait()
        find.cancel()
        with pytest.raises(asyncio.CancelledError):
            await find
        with pytest.raises(KeysUnavailable):
            await keys.find("k1")
        publisher.answers.set()
        clock.advance(MIN_REFRESH_INTERVAL_SECONDS)
        await assert_found(keys, "k1")

    async def test_a_failure_that_nobody_foresaw_is_not_hidden(
        self, keys: RemoteKeys, publisher: Publisher
    ) -> None:
        publisher.failure = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await keys.find("k1")

    async def test_its_failures_are_logged(
        self, keys: RemoteKeys, publisher: Publisher, quiet: list[dict[str, Any]]
    ) -> None:
        publisher.failure = PublisherAway("refused")
        with pytest.raises(KeysUnavailable):
            await keys.find("k1")
        assert [(line["event"], line["reason"]) for line in quiet] == [
            ("keys_refresh_failed", "PublisherAway: refused")
        ]


class TestStore:
    async def test_keys_outlive_the_process(self, start: StartKeys, publisher: Publisher) -> None:
        await assert_found(start(), "k1")
        publisher.failure = PublisherAway()
        await assert_found(start(), "k1")

    async def test_restored_keys_are_refreshed_when_they_are_first_used(
        self, start: StartKeys, publisher: Publisher
    ) -> None:
        await start().find("k1")
        publisher.publish(jwk("k2"))
        assert await start().find("k1") is None

    async def test_the_same_keys_are_stored_once(
        self, keys: RemoteKeys, store: Store, clock: Clock
    ) -> None:
        for _ in range(3):
            await keys.find("k1")
            clock.advance(MAX_AGE_SECONDS)
        assert store.saves == 1

    async def test_new_keys_are_stored_again(
        self, keys: RemoteKeys, publisher: Publisher, store: Store, clock: Clock
    ) -> None:
        await keys.find("k1")
        publisher.publish(jwk("k2"))
        clock.advance(MAX_AGE_SECONDS)
        await keys.find("k2")
        assert store.document == publisher.document

    async def test_a_store_that_fails_keeps_no_token_from_being_verified(
        self, keys: RemoteKeys, store: Store
    ) -> None:
        store.failure = ZeroDivisionError()
        with capture_logs() as lines:
            await assert_found(keys, "k1")
        assert [line["event"] for line in lines] == ["stored_keys_unreadable", "keys_not_stored"]

    @pytest.mark.parametrize("document", ["garbage", "{}", '{"keys": []}'])
    async def test_stored_keys_that_can_not_be_read_are_fetched_anew(
        self, keys: RemoteKeys, store: Store, document: str
    ) -> None:
        store.document = document
        with capture_logs():
            await assert_found(keys, "k1")

    async def test_keys_that_another_process_stored_are_found_while_the_publisher_is_away(
        self, keys: RemoteKeys, publisher: Publisher, store: Store
    ) -> None:
        publisher.failure = PublisherAway()
        with capture_logs():
            with pytest.raises(KeysUnavailable):
                await keys.find("k1")
            store.document = publisher.document
            await assert_found(keys, "k1")


RSA: Jwk = {"kty": "RSA", "kid": "rsa", "alg": "RS256", "n": "AQAB", "e": "AQAB"}
EC: Jwk = {
    "kty": "EC",
    "kid": "ec",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",  # pragma: allowlist secret
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",  # pragma: allowlist secret
}
SYMMETRIC: Jwk = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0", "alg": "HS256"}
X25519: Jwk = {
    "kty": "OKP",
    "kid": "x25519",
    "crv": "X25519",
    "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",  # pragma: allowlist secret
}
UNKNOWN: Jwk = {"kty": "lattice", "kid": "new"}
BROKEN: Jwk = {"kty": "OKP", "kid": "broken", "crv": "Ed25519", "x": "short"}
OTHERS = [RSA, EC, SYMMETRIC, X25519, UNKNOWN, BROKEN]


class TestDocuments:
    @pytest.mark.parametrize(
        "document",
        [
            "",
            "<html>",
            "[]",
            "1",
            "null",
            "{}",
            '{"keys": null}',
            '{"keys": {}}',
            '{"keys": "k1"}',
            '{"keys": [1]}',
            '{"keys": [{}]}',
            '{"keys": [null]}',
            "[" * 100_000,
            json.dumps({"keys": OTHERS}),
            json.dumps({"keys": [{**jwk("k1"), "kid": None}]}),
        ],
        ids=lambda document: document[:20],
    )
    async def test_one_without_a_usable_key_changes_nothing(
        self, keys: RemoteKeys, publisher: Publisher, clock: Clock, document: str
    ) -> None:
        await keys.find("k1")
        publisher.document = document
        clock.advance(MAX_AGE_SECONDS)
        with capture_logs() as lines:
            await assert_found(keys, "k1")
            with pytest.raises(KeysUnavailable):
                await keys.find("rsa")
        assert [line["event"] for line in lines] == ["keys_refresh_failed"]

    async def test_keys_of_other_kinds_are_passed_over(
        self, keys: RemoteKeys, publisher: Publisher
    ) -> None:
        publisher.publish(*OTHERS, jwk("k1"))
        await assert_found(keys, "k1")
        for other in OTHERS:
            assert await keys.find(other["kid"]) is None

    @pytest.mark.parametrize("odd", [None, 1, "k", [], {}, {"kty": None}, {"kid": "x"}])
    async def test_a_good_key_is_found_beside_an_odd_one(
        self, keys: RemoteKeys, publisher: Publisher, odd: Any
    ) -> None:
        publisher.publish(odd, jwk("k1"))
        await assert_found(keys, "k1")
