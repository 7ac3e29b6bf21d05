"""The published keys of another service: cached, stored, and refreshed when they need to be."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.types import EventDict

from chassis.auth.remote_keys import (
    MAX_AGE_SECONDS,
    MIN_REFRESH_INTERVAL_SECONDS,
    KeysUnavailable,
    RemoteKeys,
)
from chassis.auth.tokens import TokenVerifier
from chassis.web.errors import InvalidToken
from service_testing.tokens import TokenIssuer

Jwk = dict[str, Any]


class PublisherDown(Exception):
    pass


def jwk(key_id: str) -> Jwk:
    return dict(TokenIssuer(key_id=key_id).jwks()["keys"][0])


class FakePublisher:
    """The other service, the store in which keys survive a restart, and the clock."""

    def __init__(self) -> None:
        self.publish(jwk("k1"))
        self.failure: Exception | None = None
        self.calls = 0
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.stored: str | None = None
        self.saves = 0
        self.store_failure: Exception | None = None
        self.now = 1000.0

    def publish(self, *keys: Any) -> None:
        self.document = json.dumps({"keys": keys})

    def start(self) -> RemoteKeys:
        """A process of the service that fetches the keys."""
        self.registry = CollectorRegistry()
        return RemoteKeys(
            self.fetch,
            self,
            failures=(PublisherDown,),
            clock=lambda: self.now,
            registry=self.registry,
        )

    async def fetch(self) -> str:
        self.calls += 1
        self.asked.set()
        await self.answers.wait()
        if self.failure:
            raise self.failure
        return self.document

    async def load(self) -> str | None:
        if self.store_failure:
            raise self.store_failure
        return self.stored

    async def save(self, document: str) -> None:
        if self.store_failure:
            raise self.store_failure
        self.saves += 1
        self.stored = document


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def keys(publisher: FakePublisher) -> RemoteKeys:
    return publisher.start()


async def assert_found(keys: RemoteKeys, key_id: str) -> None:
    key = await keys.find(key_id)
    assert key is not None
    assert key.key_id == key_id


async def assert_unavailable(keys: RemoteKeys, key_id: str) -> None:
    with pytest.raises(KeysUnavailable):
        await keys.find(key_id)


class TestCache:
    async def test_key_is_fetched_once(self, keys: RemoteKeys, publisher: FakePublisher) -> None:
        assert publisher.calls == 0
        for _ in range(3):
            await assert_found(keys, "k1")
        assert publisher.calls == 1

    async def test_old_keys_are_fetched_again(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await keys.find("k1")
        publisher.now += MAX_AGE_SECONDS - 1
        await keys.find("k1")
        assert publisher.calls == 1
        publisher.now += 1
        await keys.find("k1")
        assert publisher.calls == 2

    async def test_revoked_key_is_valid_until_the_keys_are_old(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.publish(jwk("k1"), jwk("k2"))
        await keys.find("k1")
        publisher.publish(jwk("k2"))
        await assert_found(keys, "k1")
        publisher.publish(jwk("k2"), jwk("k3"))
        publisher.now += MAX_AGE_SECONDS
        assert await keys.find("k1") is None
        await assert_found(keys, "k2")

    async def test_new_key_is_found_and_the_old_one_stays_valid(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await keys.find("k1")
        publisher.publish(jwk("k1"), jwk("k2"))
        publisher.now += MIN_REFRESH_INTERVAL_SECONDS
        await assert_found(keys, "k2")
        await assert_found(keys, "k1")
        assert publisher.calls == 2


class TestReplacedSet:
    """A set without any known key: another server's, or the service's own after it lost all keys."""

    @pytest.fixture
    async def keys(self, publisher: FakePublisher) -> RemoteKeys:
        keys = publisher.start()
        await keys.find("k1")
        publisher.publish(jwk("foreign"))
        publisher.now += MAX_AGE_SECONDS
        return keys

    async def test_known_keys_stay_valid_and_it_is_logged_and_counted(
        self, keys: RemoteKeys, publisher: FakePublisher, logs: list[EventDict]
    ) -> None:
        for rounds in (1, 2):
            await assert_found(keys, "k1")
            assert [line["event"] for line in logs] == ["published_keys_replaced"] * rounds
            assert publisher.registry.get_sample_value("published_keys_replaced_total") == rounds
            publisher.now += MAX_AGE_SECONDS
        assert (logs[0]["known"], logs[0]["new"]) == (["k1"], ["foreign"])
        await assert_found(publisher.start(), "k1")  # it stored the known ones

    async def test_looking_for_a_new_key_ends_no_known_one(self, keys: RemoteKeys) -> None:
        await assert_found(keys, "foreign")
        keys.confirm("k1")
        await assert_found(keys, "k1")

    async def test_valid_token_of_a_new_key_ends_the_known_ones(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await assert_found(keys, "foreign")
        keys.confirm("foreign")
        assert await keys.find("k1") is None
        publisher.now += MIN_REFRESH_INTERVAL_SECONDS
        await assert_found(keys, "foreign")
        assert "foreign" in str(publisher.stored)

    async def test_valid_token_at_another_process_ends_the_known_ones_at_the_next_refresh(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await assert_found(keys, "k1")
        publisher.stored = publisher.document  # the other process stored it
        publisher.now += MAX_AGE_SECONDS
        assert await keys.find("k1") is None
        await assert_found(keys, "foreign")

    async def test_known_keys_stay_valid_while_the_store_is_unreadable(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.store_failure = OSError("no disk")
        await assert_found(keys, "k1")

    async def test_known_key_in_a_later_set_ends_the_doubt(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await keys.find("k1")
        publisher.publish(jwk("k1"))
        publisher.now += MAX_AGE_SECONDS
        await assert_found(keys, "k1")
        assert await keys.find("foreign") is None

    async def test_token_is_what_confirms_a_key(self, publisher: FakePublisher) -> None:
        issuer = TokenIssuer(key_id="k2", audience="items", name="users")
        keys = publisher.start()
        await keys.find("k1")
        publisher.publish(*issuer.jwks()["keys"])
        publisher.now += MAX_AGE_SECONDS
        verifier = TokenVerifier(keys, audience="items", issuer="users")
        with pytest.raises(InvalidToken):
            await verifier.claims(issuer.impostor().token())
        await assert_found(keys, "k1")
        await verifier.claims(issuer.token())
        assert await keys.find("k1") is None


class TestUnknownIds:
    async def test_unknown_ids_cause_one_request_in_an_interval(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        for calls in (1, 2):
            for number in range(100):
                assert await keys.find(f"made-up-{number}") is None
            assert publisher.calls == calls
            publisher.now += MIN_REFRESH_INTERVAL_SECONDS

    async def test_known_key_is_found_while_a_refresh_takes_long(
        self, publisher: FakePublisher
    ) -> None:
        keys = publisher.start()
        await keys.find("k1")
        publisher.now += MAX_AGE_SECONDS
        publisher.asked.clear()
        publisher.answers.clear()
        refreshing = asyncio.create_task(keys.find("k1"))
        await publisher.asked.wait()
        publisher.now += MIN_REFRESH_INTERVAL_SECONDS
        async with asyncio.timeout(10):
            assert await keys.find("k1")
        publisher.answers.set()
        assert await refreshing

    async def test_concurrent_finds_cause_one_request(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.answers.clear()
        async with asyncio.TaskGroup() as tasks:
            finds = [tasks.create_task(keys.find("k1")) for _ in range(100)]
            await publisher.asked.wait()
            publisher.answers.set()
        assert all(find.result() for find in finds)
        assert publisher.calls == 1

    async def test_known_key_does_not_wait_for_the_refresh_of_another_request(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await keys.find("k1")
        publisher.now += MAX_AGE_SECONDS
        publisher.asked.clear()
        publisher.answers.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keys.find("k1"))
            await publisher.asked.wait()
            await assert_found(keys, "k1")
            publisher.answers.set()
        assert publisher.calls == 2


class TestUnavailablePublisher:
    async def test_key_that_was_never_fetched_is_unavailable(
        self, keys: RemoteKeys, publisher: FakePublisher, logs: list[EventDict]
    ) -> None:
        publisher.failure = PublisherDown("refused")
        for _ in range(3):
            await assert_unavailable(keys, "k1")
        assert publisher.calls == 1
        assert [(line["event"], line["reason"]) for line in logs] == [
            ("keys_refresh_failed", "PublisherDown: refused")
        ]

    async def test_known_keys_stay_valid_however_old(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await keys.find("k1")
        publisher.failure = PublisherDown()
        for _ in range(10):
            publisher.now += MAX_AGE_SECONDS
            for _ in range(10):
                await assert_found(keys, "k1")
        assert publisher.calls == 11

    async def test_unknown_key_is_unavailable_while_known_keys_stay_valid(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        await keys.find("k1")
        publisher.failure = PublisherDown()
        publisher.now += MIN_REFRESH_INTERVAL_SECONDS
        await assert_unavailable(keys, "k2")
        await assert_found(keys, "k1")

    async def test_keys_are_fetched_when_it_is_available_again(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.failure = PublisherDown()
        await assert_unavailable(keys, "k1")
        publisher.failure = None
        publisher.now += MIN_REFRESH_INTERVAL_SECONDS
        await assert_found(keys, "k1")
        assert await keys.find("made-up") is None

    async def test_cancelled_refresh_counts_as_failed(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.answers.clear()
        find = asyncio.create_task(keys.find("k1"))
        await publisher.asked.wait()
        find.cancel()
        with pytest.raises(asyncio.CancelledError):
            await find
        await assert_unavailable(keys, "k1")
        publisher.answers.set()
        publisher.now += MIN_REFRESH_INTERVAL_SECONDS
        await assert_found(keys, "k1")

    async def test_unexpected_exception_is_raised(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.failure = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await keys.find("k1")


class TestStore:
    async def test_keys_survive_a_restart(self, publisher: FakePublisher) -> None:
        await assert_found(publisher.start(), "k1")
        publisher.failure = PublisherDown()
        await assert_found(publisher.start(), "k1")

    async def test_stored_keys_are_refreshed_at_first_use(self, publisher: FakePublisher) -> None:
        publisher.publish(jwk("k1"), jwk("k2"))
        await publisher.start().find("k1")
        publisher.publish(jwk("k2"))
        assert await publisher.start().find("k1") is None

    async def test_only_changed_keys_are_stored(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        for _ in range(3):
            await keys.find("k1")
            publisher.now += MAX_AGE_SECONDS
        assert publisher.saves == 1
        publisher.publish(jwk("k1"), jwk("k2"))
        await keys.find("k2")
        assert publisher.stored == publisher.document

    async def test_tokens_are_verified_without_the_store(
        self, keys: RemoteKeys, publisher: FakePublisher, logs: list[EventDict]
    ) -> None:
        publisher.store_failure = ZeroDivisionError()
        await assert_found(keys, "k1")
        assert [line["event"] for line in logs] == ["stored_keys_unreadable", "keys_not_stored"]

    @pytest.mark.parametrize("document", ["garbage", "{}", '{"keys": []}'])
    async def test_unreadable_stored_keys_are_fetched_again(
        self, keys: RemoteKeys, publisher: FakePublisher, document: str
    ) -> None:
        publisher.stored = document
        await assert_found(keys, "k1")

    async def test_keys_that_another_process_stored_are_found_without_the_publisher(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.failure = PublisherDown()
        await assert_unavailable(keys, "k1")
        publisher.stored = publisher.document
        await assert_found(keys, "k1")


RSA: Jwk = {"kty": "RSA", "kid": "rsa", "alg": "RS256", "n": "AQAB", "e": "AQAB"}
SYMMETRIC: Jwk = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0", "alg": "HS256"}
X25519: Jwk = {
    "kty": "OKP",
    "kid": "x25519",
    "crv": "X25519",
    "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",  # pragma: allowlist secret
}
UNKNOWN: Jwk = {"kty": "lattice", "kid": "new"}
BROKEN: Jwk = {"kty": "OKP", "kid": "broken", "crv": "Ed25519", "x": "short"}
OTHERS = [RSA, SYMMETRIC, X25519, UNKNOWN, BROKEN]


class TestDocuments:
    @pytest.mark.parametrize(
        "document",
        [
            "<html>",
            "1",
            "{}",
            '{"keys": null}',
            '{"keys": "k1"}',
            '{"keys": [1]}',
            '{"keys": [{}]}',
            "[" * 100_000,
            json.dumps({"keys": OTHERS}),
            json.dumps({"keys": [{**jwk("k1"), "kid": None}]}),
        ],
        ids=lambda document: document[:20],
    )
    async def test_document_without_a_usable_key_changes_nothing(
        self, keys: RemoteKeys, publisher: FakePublisher, document: str, logs: list[EventDict]
    ) -> None:
        await keys.find("k1")
        publisher.document = document
        publisher.now += MAX_AGE_SECONDS
        await assert_found(keys, "k1")
        await assert_unavailable(keys, "rsa")
        assert [line["event"] for line in logs] == ["keys_refresh_failed"]

    async def test_keys_of_other_kinds_are_ignored(
        self, keys: RemoteKeys, publisher: FakePublisher
    ) -> None:
        publisher.publish(*OTHERS, jwk("k1"), None, 1, [], {}, {"kty": None}, {"kid": "x"})
        await assert_found(keys, "k1")
        for other in OTHERS:
            assert await keys.find(other["kid"]) is None
