"""The published keys of another service: cached, stored for a restart, and refreshed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWKSetError
from prometheus_client import CollectorRegistry, Counter

from chassis.auth.tokens import ALGORITHM

logger = structlog.get_logger(__name__)

MAX_AGE_SECONDS = 300.0
MIN_REFRESH_INTERVAL_SECONDS = 5.0


class KeysUnavailable(Exception):
    """The keys can't be fetched now, so a token can't be verified."""


class KeyStore(Protocol):
    """Stores the last valid key set, for a restart."""

    async def load(self) -> str | None: ...
    async def save(self, document: str) -> None: ...


class NoStore:
    """Stores nothing: after a restart the keys have to be fetched before a token can be verified."""

    async def load(self) -> str | None:
        return None

    async def save(self, document: str) -> None:
        """Store nothing."""


class RemoteKeys:
    """Finds a key by its id.

    Known keys are refreshed when older than `MAX_AGE_SECONDS`; while the other service is unavailable, they
    stay valid. Unknown ids cause at most one refresh in `MIN_REFRESH_INTERVAL_SECONDS`.

    A key set without any known key may be another server's, or follow a loss of all keys. Then both sets count,
    and the known keys end with the first valid token of a new one, in this process or in another on the same store.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[str]],
        store: KeyStore,
        *,
        failures: tuple[type[Exception], ...],
        clock: Callable[[], float] = time.monotonic,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`fetch` gets the JSON document (RFC 7517) or raises one of `failures`."""
        self._replaced = Counter(
            "published_keys_replaced_total",
            "Fetched key sets without any known key.",
            registry=registry,
        )
        self._fetch = fetch
        self._store = store
        self._failures: tuple[type[Exception], ...] = (*failures, ValueError)
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._unproven: dict[str, PyJWK] = {}
        """The keys of a set without any known key, until one of them has signed a valid token."""
        self._refreshed_at = float("-inf")
        self._tried_at = float("-inf")
        self._last_try_failed = False
        self._document: str | None = None
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> PyJWK | None:
        """The key, or None when the other service publishes none with this id.

        Raises:
            KeysUnavailable: the id is unknown and the other service is unavailable.
        """
        key = self._known(key_id)
        if key is not None and (self._is_fresh() or self._lock.locked() or not self._may_try()):
            return key
        async with self._lock:
            await self._restore()
            key = self._known(key_id)
            if (key is None or not self._is_fresh()) and self._may_try():
                await self._refresh()
                key = self._known(key_id)
        if key is None and self._last_try_failed:
            raise KeysUnavailable
        return key

    def confirm(self, key_id: str) -> None:
        """A token that was signed with this key is valid, so the service has really published it."""
        if key_id in self._unproven:
            logger.warning("published_keys_changed", key_ids=sorted(self._unproven))
            self._keys, self._unproven = self._unproven, {}
            self._refreshed_at = float("-inf")  # to store the document, with the next token

    def _known(self, key_id: str) -> PyJWK | None:
        return self._keys.get(key_id) or self._unproven.get(key_id)

    def _is_fresh(self) -> bool:
        return self._clock() - self._refreshed_at < MAX_AGE_SECONDS

    def _may_try(self) -> bool:
        return self._clock() - self._tried_at >= MIN_REFRESH_INTERVAL_SECONDS

    async def _restore(self) -> None:
        if self._document is not None:
            return
        try:
            document = await self._store.load()
            self._keys = _parse(document) if document else {}
            self._document = document
        except Exception:  # the other service can be asked without the store
            logger.warning("stored_keys_unreadable", exc_info=True)

    async def _stored(self) -> str | None:
        """What another process may have stored after a valid token of a new key."""
        try:
            return await self._store.load()
        except Exception:  # the keys stay in doubt
            logger.warning("stored_keys_unreadable", exc_info=True)
            return None

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        self._last_try_failed = True  # also when the request that asks is cancelled meanwhile
        try:
            document = await self._fetch()
            keys = _parse(document)
        except self._failures as error:
            logger.warning("keys_refresh_failed", reason=f"{type(error).__name__}: {error}")
            return
        self._last_try_failed = False
        self._refreshed_at = self._clock()
        self._unproven = {}
        is_foreign = self._keys and not self._keys.keys() & keys.keys()
        if is_foreign and document != await self._stored():
            self._replaced.inc()
            logger.error("published_keys_replaced", known=sorted(self._keys), new=sorted(keys))
            self._unproven = keys
            return
        self._keys = keys
        if document != self._document:
            self._document = document
            try:
                await self._store.save(document)
            except Exception:  # tokens can be verified without the store
                logger.warning("keys_not_stored", exc_info=True)


def _parse(document: str) -> dict[str, PyJWK]:
    """The usable keys by id.

    Raises:
        ValueError: when the document isn't a key set with at least one usable key.
    """
    try:
        keys = PyJWKSet.from_json(document).keys
    except (PyJWKSetError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"not a JSON Web Key Set: {error}") from error
    usable = {key.key_id: key for key in keys if key.key_id and key.algorithm_name == ALGORITHM}
    if not usable:
        raise ValueError("a JSON Web Key Set without a usable key")
    return usable
