"""Signing keys in the database: created once, and readable only with the right passphrase."""

import asyncio

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from pydantic import SecretStr
from sqlalchemy import update

from app.main import create_app
from app.models import SigningKey
from app.repositories.signing_keys import SigningKeyQueries, StoredKey
from app.services.signing_keys import KeyRing, rotate
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.ops.settings import SettingsError
from service_testing.lifespan import Lifespan
from tests.spare_database import opened


@pytest.fixture
def encrypting(settings: UsersSettings) -> UsersSettings:
    passphrase = SecretStr("a passphrase of some length")
    return settings.model_copy(update={"signing_key_passphrase": passphrase})


@pytest.fixture
def mistaken(settings: UsersSettings) -> UsersSettings:
    passphrase = SecretStr("another passphrase of some length")
    return settings.model_copy(update={"signing_key_passphrase": passphrase})


async def stored_keys(database: Database) -> list[StoredKey]:
    return await SigningKeyQueries(database.read_session()).list_unexpired(utc_now())


class TestFirstKey:
    async def test_processes_that_start_together_create_one_key(
        self, spare_database_url: str, settings: UsersSettings
    ) -> None:
        async def start() -> str:
            async with opened(spare_database_url) as database:
                return (await KeyRing(database, settings).signing_key()).key_id

        key_ids = await asyncio.gather(*(start() for _ in range(6)))
        assert len(set(key_ids)) == 1
        async with opened(spare_database_url) as database:
            assert len(await stored_keys(database)) == 1

    async def test_concurrent_requests_create_one_key(
        self, spare_database_url: str, settings: UsersSettings
    ) -> None:
        async with opened(spare_database_url) as database:
            keys = KeyRing(database, settings)
            found = await asyncio.gather(*(keys.signing_key() for _ in range(12)))
        assert len({key.key_id for key in found}) == 1


class TestPassphrase:
    async def test_passphrase_encrypts_the_stored_key(
        self, spare_database_url: str, encrypting: UsersSettings
    ) -> None:
        async with opened(spare_database_url) as database:
            made = await KeyRing(database, encrypting).signing_key()
            found = await KeyRing(database, encrypting).signing_key()
            (stored,) = await stored_keys(database)
        assert found.private.private_bytes_raw() == made.private.private_bytes_raw()
        assert stored.private_pem.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")

    async def test_keys_from_before_the_passphrase_still_load(
        self, spare_database_url: str, settings: UsersSettings, encrypting: UsersSettings
    ) -> None:
        async with opened(spare_database_url) as database:
            made = await KeyRing(database, settings).signing_key()
            found = await KeyRing(database, encrypting).signing_key()
        assert found.key_id == made.key_id

    @pytest.mark.parametrize("passphrase", ["mistaken", "settings"])
    async def test_wrong_or_missing_passphrase_stops_the_start(
        self,
        spare_database_url: str,
        encrypting: UsersSettings,
        passphrase: str,
        request: pytest.FixtureRequest,
    ) -> None:
        async with opened(spare_database_url) as database:
            await KeyRing(database, encrypting).signing_key()
            wrong = create_app(request.getfixturevalue(passphrase), database=database)
            with pytest.raises(SettingsError, match="USERS_SIGNING_KEY_PASSPHRASE doesn't open"):
                await Lifespan(wrong).start()

    async def test_rotation_with_a_wrong_passphrase_is_refused(
        self, spare_database_url: str, encrypting: UsersSettings, mistaken: UsersSettings
    ) -> None:
        """The running service couldn't read a key of another passphrase."""
        async with opened(spare_database_url) as database:
            await KeyRing(database, encrypting).signing_key()
            with pytest.raises(SettingsError, match="USERS_SIGNING_KEY_PASSPHRASE"):
                async with database.transaction() as session:
                    await rotate(session, mistaken, at_once=True)
            assert len(await KeyRing(database, encrypting).published()) == 1


class TestForeignKey:
    async def test_key_of_another_kind_stops_the_start(
        self, spare_database_url: str, settings: UsersSettings
    ) -> None:
        pem = generate_private_key(SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        async with opened(spare_database_url) as database:
            await KeyRing(database, settings).signing_key()
            async with database.transaction() as session:
                await session.exec(update(SigningKey).values(private_pem=pem.decode()))
            with pytest.raises(SettingsError, match="isn't an Ed25519 key"):
                await KeyRing(database, settings).signing_key()
