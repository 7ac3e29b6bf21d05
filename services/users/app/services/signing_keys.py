"""The keys that sign access tokens: created, stored, published and rotated (ADR 0008).

They are in the database, so that every replica signs with the same ones and a restart keeps them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from secrets import token_hex

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt import PyJWK
from jwt.algorithms import OKPAlgorithm

from app.events.key_events import write_keys_event
from app.models import SigningKey
from app.repositories.signing_keys import SigningKeyQueries, SigningKeyRepository, StoredKey
from app.settings import UsersSettings
from chassis.auth.tokens import ALGORITHM, LEEWAY_SECONDS
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.ops.settings import SettingsError

logger = structlog.get_logger(__name__)

_RELOAD_SECONDS = 5.0
_RELOAD_FOR_UNKNOWN_KEY_SECONDS = 1.0
"""A limit, so that tokens with invented key ids can't put load on the database."""


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
        """The public half, as a verifier needs it."""
        return PyJWK(self.jwk)


class KeyRing:
    """The signing keys that this process has loaded; it reloads them every few seconds.

    It takes the database instead of a session: it outlives requests, and stores the first key even if the request
    that needed it is cancelled.
    """

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
        if key_id not in self._loaded:
            # Another replica may already sign with a key that isn't loaded here.
            await self._reload_if_old(_RELOAD_FOR_UNKNOWN_KEY_SECONDS)
        key = self._loaded.get(key_id)
        return key.public if key else None

    def confirm(self, key_id: str) -> None:
        """Its own keys need no confirmation."""

    async def published(self) -> list[dict[str, str]]:
        """All public keys, including those that aren't active yet."""
        await self._load()
        return [key.jwk for key in self._loaded.values()]

    async def signing_key(self) -> LoadedKey:
        """The key to sign with: the active one that lasts longest. Created now if there is no key."""
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
        stored = await SigningKeyQueries(self._database.read_session()).list_unexpired(utc_now())
        self._loaded = {key.key_id: self._open(key) for key in stored}
        self._loaded_at = self._clock()

    def _open(self, stored: StoredKey) -> LoadedKey:
        known = self._loaded.get(stored.key_id)
        if known and (known.activates_at, known.expires_at) == (
            stored.activates_at,
            stored.expires_at,
        ):
            return known  # with what was derived from it
        private = known.private if known else _decrypt(stored, self._passphrase)
        return LoadedKey(stored.key_id, private, stored.activates_at, stored.expires_at)


def _lasts_longest(key: LoadedKey) -> tuple[bool, float]:
    return key.expires_at is None, key.expires_at.timestamp() if key.expires_at else 0.0


async def ensure_key(session: WriteSession, passphrase: bytes | None) -> None:
    """Create the first key unless there is one. Safe when several processes start at once."""
    keys = SigningKeyRepository(session)
    await keys.lock()
    now = utc_now()
    if not await keys.list_unexpired(now):
        key = _new_key(now, passphrase)
        await keys.add(key)
        logger.info("signing_key_created", key_id=key.key_id)


async def rotate(
    session: WriteSession, settings: UsersSettings, *, at_once: bool, revoke_old: bool = False
) -> tuple[SigningKey, datetime]:
    """Add a key that replaces the others. They stay published as long as tokens that they signed are valid.

    Unless `at_once`, the new key becomes active when every cached copy of the published keys has been
    renewed. With `revoke_old`, the others are published no longer, so what they signed isn't valid any more;
    subscribers learn of the new key by an event. Returns the new key and the time at which the others stop
    being published.

    Raises:
        SettingsError: the passphrase isn't the one that the current keys are encrypted with.
    """
    keys = SigningKeyRepository(session)
    await keys.lock()
    passphrase = _passphrase(settings)
    for current in await keys.list_unexpired(utc_now()):
        _decrypt(current, passphrase)
    delay_seconds = 0 if at_once else settings.jwks_max_age_seconds
    activates_at = utc_now() + timedelta(seconds=delay_seconds)
    # Until they reload, replicas sign with an old key.
    last_use = activates_at + timedelta(seconds=_RELOAD_SECONDS)
    expires_at = last_use + timedelta(seconds=settings.access_token_seconds + LEEWAY_SECONDS)
    if revoke_old:
        expires_at = utc_now()
        await keys.expire_all(expires_at)
        await write_keys_event(session)
    else:
        await keys.expire_current(expires_at)
    key = _new_key(activates_at, passphrase)
    await keys.add(key)
    return key, expires_at


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


def _decrypt(stored: StoredKey, passphrase: bytes | None) -> Ed25519PrivateKey:
    pem = stored.private_pem.encode()
    is_encrypted = b"ENCRYPTED" in pem
    if passphrase and not is_encrypted:
        logger.warning("signing_key_not_encrypted", key_id=stored.key_id, fix="run rotate-keys")
    try:
        private = serialization.load_pem_private_key(pem, passphrase if is_encrypted else None)
    except (ValueError, TypeError):
        raise SettingsError(
            "USERS_SIGNING_KEY_PASSPHRASE doesn't open the signing keys in the database."
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SettingsError(f"signing key {stored.key_id} in the database isn't an Ed25519 key.")
    return private
