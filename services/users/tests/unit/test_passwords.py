"""Password hashing: its cost, its limit, and what it does when there is no hash."""

import threading
from typing import Any

import anyio
import anyio.from_thread
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from app.services.passwords import PasswordHasher
from app.settings import UsersSettings

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


class TestBound:
    async def test_number_of_concurrent_hashes_is_limited(
        self, passwords: PasswordHasher, settings: UsersSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running, most, lock = 0, 0, threading.Lock()
        enough_came, may_go = anyio.Event(), threading.Event()

        def hash_slowly(*_: Any, **__: Any) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            if running == settings.password_concurrency:
                anyio.from_thread.run_sync(enough_came.set)
            may_go.wait()
            with lock:
                running -= 1
            return "hash"

        monkeypatch.setattr(Argon2Hasher, "hash", hash_slowly)
        monkeypatch.setattr(Argon2Hasher, "verify", hash_slowly)
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(passwords.hash, PASSWORD)
                tasks.start_soon(passwords.verify, PASSWORD, HASH)
            try:
                await enough_came.wait()
                await anyio.sleep(0.1)  # in which one more would come
            finally:
                may_go.set()
        assert most == settings.password_concurrency
