"""Password hashing: its cost, its limit, and what it does when there is no hash."""

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.from_thread
import pytest
from anyio import wait_all_tasks_blocked
from argon2.exceptions import HashingError
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from starlette.requests import ClientDisconnect

from app.services.passwords import PasswordHasher
from app.settings import UsersSettings
from chassis.web.errors import Overloaded

PASSWORD = "correct horse"
HASH = Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1).hash(PASSWORD)


@pytest.fixture
def passwords(settings: UsersSettings) -> PasswordHasher:
    return PasswordHasher(settings)


class TestHash:
    async def test_hash_differs_each_time_and_matches(self, passwords: PasswordHasher) -> None:
        first, second = [await passwords.hash(PASSWORD) for _ in range(2)]
        assert first != second
        assert await passwords.verify(PASSWORD, first) == (True, None)

    async def test_hash_covers_every_character_of_a_long_password(
        self, passwords: PasswordHasher
    ) -> None:
        stored = await passwords.hash("🎉" * 128)
        assert await passwords.verify("🎉" * 127, stored) == (False, None)
        assert await passwords.verify("🎉" * 128, stored) == (True, None)

    async def test_hash_of_production_costs_64_mib_and_three_passes(self) -> None:
        """The only test with the parameters of production."""
        passwords = PasswordHasher(
            UsersSettings(
                environment="production",
                database_url=SecretStr("sqlite:///users.db"),
                signing_key_passphrase=SecretStr("a passphrase of some length"),
                token_audiences=("users",),
            )
        )
        stored = await passwords.hash(PASSWORD)
        assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
        assert await passwords.verify(PASSWORD, stored) == (True, None)


class TestVerify:
    async def test_verify_without_a_hash_is_false(self, passwords: PasswordHasher) -> None:
        for password in (PASSWORD, "no account has this password", ""):
            assert await passwords.verify(password, None) == (False, None)

    async def test_verify_returns_a_new_hash_for_outdated_parameters(
        self, passwords: PasswordHasher, settings: UsersSettings
    ) -> None:
        outdated = Argon2Hasher(memory_cost=16, time_cost=1, parallelism=1).hash(PASSWORD)
        matches, renewed = await passwords.verify(PASSWORD, outdated)
        assert matches
        assert renewed is not None
        cost = f"m={settings.password_memory_kib},t={settings.password_time_cost},p=1"
        assert f"${cost}$" in renewed

    async def test_verify_returns_no_new_hash_for_a_wrong_password(
        self, passwords: PasswordHasher
    ) -> None:
        outdated = Argon2Hasher(memory_cost=16, time_cost=1, parallelism=1).hash(PASSWORD)
        assert await passwords.verify("a wrong password", outdated) == (False, None)


class SlowHashing:
    """Hashes don't end before `may_go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
        self.started = self.most = self._running = 0
        self.all_run, self.may_go = anyio.Event(), threading.Event()
        self._concurrency = concurrency
        self._lock = threading.Lock()
        monkeypatch.setattr(Argon2Hasher, "hash", self._hash)
        monkeypatch.setattr(Argon2Hasher, "verify", self._hash)

    def _hash(self, *_: Any, **__: Any) -> str:
        with self._lock:
            self.started += 1
            self._running += 1
            self.most = max(self.most, self._running)
        if self._running == self._concurrency:
            anyio.from_thread.run_sync(self.all_run.set)
        self.may_go.wait()
        with self._lock:
            self._running -= 1
        return "hash"


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch, settings: UsersSettings) -> Iterator[SlowHashing]:
    hashing = SlowHashing(monkeypatch, settings.password_concurrency)
    yield hashing
    hashing.may_go.set()


async def test_hash_without_enough_memory_is_a_memory_error(
    passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise HashingError("Memory allocation error")

    monkeypatch.setattr(Argon2Hasher, "hash", fail)
    with pytest.raises(MemoryError):
        await passwords.hash(PASSWORD)


class TestBound:
    async def test_number_of_concurrent_hashes_is_limited(
        self, passwords: PasswordHasher, settings: UsersSettings, hashing: SlowHashing
    ) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(passwords.hash, PASSWORD)
                tasks.start_soon(passwords.verify, PASSWORD, HASH)
            try:
                await hashing.all_run.wait()
                await anyio.sleep(0.1)  # in which one more would come
            finally:
                hashing.may_go.set()
        assert hashing.most == settings.password_concurrency

    async def test_queue_is_limited(self, settings: UsersSettings, hashing: SlowHashing) -> None:
        passwords = PasswordHasher(settings.model_copy(update={"password_queue": 3}))
        async with anyio.create_task_group() as tasks:
            for _ in range(settings.password_concurrency + 3):
                passwords.require_room()
                tasks.start_soon(passwords.hash, PASSWORD)
                await wait_all_tasks_blocked()
            try:
                with pytest.raises(Overloaded):
                    await passwords.hash(PASSWORD)
            finally:
                hashing.may_go.set()
        assert await passwords.hash(PASSWORD) == "hash"

    async def test_password_of_a_client_that_has_gone_is_not_hashed(
        self, passwords: PasswordHasher, settings: UsersSettings, hashing: SlowHashing
    ) -> None:
        gone: list[bool] = []

        async def has_gone() -> bool:
            gone.append(True)
            return True

        async def send() -> None:
            with pytest.raises(ClientDisconnect):
                await passwords.verify(PASSWORD, HASH, has_gone)

        async with anyio.create_task_group() as tasks:
            for _ in range(settings.password_concurrency):
                tasks.start_soon(passwords.hash, PASSWORD)
            await hashing.all_run.wait()
            tasks.start_soon(send)
            await wait_all_tasks_blocked()
            assert gone == []  # it is asked when it's the password's turn
            hashing.may_go.set()
        assert gone == [True]
        assert hashing.started == settings.password_concurrency
