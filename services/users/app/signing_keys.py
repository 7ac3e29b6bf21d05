"""The keys that sign access tokens: made, kept, published and rotated (ADR 0008).

They live in the database, so every replica signs with the same ones and a restart keeps them.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from secrets import token_hex

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK
from jwt.algorithms import OKPAlgorithm
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession as ReadSession
from sqlmodel import col

from app.models import SigningKey
from app.settings import UsersSettings
from chassis.auth.tokens import ALGORITHM, LEEWAY_SECONDS
from chassis.db.columns import utc_now
from chassis.db.database import Database, WriteSession, serialise
from chassis.ops.settings import SettingsError

logger = structlog.get_logger(__name__)

_LOCK_ID = 0x6B657973  # "keys"
_RELOAD_SECONDS = 5.0
_RELOAD_FOR_AN_UNKNOWN_SECONDS = 1.0
"""Made-up key ids must not become load on the database."""


@dataclass(frozen=True)
class LoadedKey:
    key_id: str
    private: Ed25519PrivateKey
    activates_at: datetime
    expires_at: datetime | None

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half, as published (RFC 8037)."""
        public = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"kid": self.key_id, "use": "sig", "alg": ALGORITHM, **public}

    @cached_property
    def public(self) -> PyJWK:
        """The public half, as a verifier takes it."""
        return PyJWK(self.jwk)


class KeyRing:
    """The signing keys as this process knows them; looks again every few seconds."""

    def __init__(
        self,
        database: Database,
        settings: UsersSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._passphrase = _passphrase(settings)
        self._clock = clock
        self._loaded: dict[str, LoadedKey] = {}
        self._loaded_at = float("-inf")

    async def find(self, key_id: str) -> PyJWK | None:
        """The published key with this id (the `KeySource` of this service's own verifier)."""
        await self._reload_if_old()
        if (
            key_id not in self._loaded
        ):  # another replica may already sign with a key that is new here
            await self._reload_if_old(_RELOAD_FOR_AN_UNKNOWN_SECONDS)
        key = self._loaded.get(key_id)
        return key.public if key else None

    async def published(self) -> list[dict[str, str]]:
        """All public keys, those not yet in use included."""
        await self._load()
        return [key.jwk for key in self._loaded.values()]

    async def signing_key(self) -> LoadedKey:
        """The key to sign with: of those in use, the last. Made now when there is none at all."""
        await self._reload_if_old()
        if not self._loaded:
            async with self._database.transaction() as session:
                await ensure_key(session, self._passphrase)
            await self._load()
        now = utc_now()
        active = [key for key in self._loaded.values() if key.activates_at <= now]
        return max(active or self._loaded.values(), key=_lasts_longest)

    async def _reload_if_old(self, age_seconds: float = _RELOAD_SECONDS) -> None:
        if self._clock() - self._loaded_at >= age_seconds:
            await self._load()

    async def _load(self) -> None:
        async with self._database.orm_read_session() as session:
            rows = await _unexpired(session)
        self._loaded = {row.key_id: self._opened(row) for row in rows}
        self._loaded_at = self._clock()

    def _opened(self, row: SigningKey) -> LoadedKey:
        known = self._loaded.get(row.key_id)
        if known and (known.activates_at, known.expires_at) == (row.activates_at, row.expires_at):
            return known  # with what was derived from it
        private = known.private if known else _open(row, self._passphrase)
        return LoadedKey(row.key_id, private, row.activates_at, row.expires_at)


def _lasts_longest(key: LoadedKey) -> tuple[bool, float]:
    return key.expires_at is None, key.expires_at.timestamp() if key.expires_at else 0.0


async def ensure_key(session: WriteSession, passphrase: bytes | None) -> None:
    """Make the first key unless there is one; safe when several processes start at once."""
    await serialise(session, _LOCK_ID)
    if not await _unexpired(session):
        key = _new_key(utc_now(), passphrase)
        session.add(key)
        logger.info("signing_key_created", key_id=key.key_id)


async def rotate(
    session: WriteSession, settings: UsersSettings, *, at_once: bool
) -> tuple[SigningKey, datetime]:
    """Add a key that takes over; the others stay published while tokens that they signed are good.

    Unless `at_once`, it takes over when every cached copy of the published keys has been renewed.
    Returns the new key and the time at which the others stop being published.

    Raises:
        SettingsError: the passphrase isn't the one that the service opens its present keys with.
    """
    await serialise(session, _LOCK_ID)
    passphrase = _passphrase(settings)
    for present in await _unexpired(session):
        _open(present, passphrase)
    delay = 0 if at_once else settings.jwks_max_age_seconds
    activates_at = utc_now() + timedelta(seconds=delay)
    # Replicas notice the new key, and go on signing with the old one, for up to a reload.
    last_use = activates_at + timedelta(seconds=_RELOAD_SECONDS)
    expires_at = last_use + timedelta(seconds=settings.access_token_seconds + LEEWAY_SECONDS)
    await session.execute(
        update(SigningKey).where(col(SigningKey.expires_at).is_(None)).values(expires_at=expires_at)
    )
    key = _new_key(activates_at, passphrase)
    session.add(key)
    return key, expires_at


def expired() -> ColumnElement[bool]:
    """True for keys that aren't published any more."""
    return col(SigningKey.expires_at) <= utc_now()


async def _unexpired(session: ReadSession) -> Sequence[SigningKey]:
    unexpired = or_(col(SigningKey.expires_at).is_(None), col(SigningKey.expires_at) > utc_now())
    statement = select(SigningKey).where(unexpired).order_by(col(SigningKey.activates_at))
    return (await session.scalars(statement)).all()


def _passphrase(settings: UsersSettings) -> bytes | None:
    secret = settings.signing_key_passphrase
    return secret.get_secret_value().encode() if secret else None


def _new_key(activates_at: datetime, passphrase: bytes | None) -> SigningKey:
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return SigningKey(key_id=token_hex(8), private_pem=pem.decode(), activates_at=activates_at)


def _open(row: SigningKey, passphrase: bytes | None) -> Ed25519PrivateKey:
    pem = row.private_pem.encode()
    encrypted = b"ENCRYPTED" in pem
    if passphrase and not encrypted:
        logger.warning("signing_key_not_encrypted", key_id=row.key_id, mend="run rotate-keys")
    try:
        private = serialization.load_pem_private_key(pem, passphrase if encrypted else None)
    except (ValueError, TypeError):
        raise SettingsError(
            "USERS_SIGNING_KEY_PASSPHRASE doesn't open the signing keys in the database."
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingsError(f"signing key {row.key_id} in the database isn't an Ed25519 key.")
    return private
