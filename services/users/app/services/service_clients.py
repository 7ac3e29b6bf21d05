"""Other services that may ask for tokens in their own name (RFC 6749, 4.4)."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from app.errors import InvalidClient, InvalidScope, InvalidTarget
from app.models import ServiceClient
from app.repositories.service_clients import (
    RegisteredClient,
    ServiceClientQueries,
    ServiceClientRepository,
)
from chassis.db.sessions import ReadSession, WriteSession


class ClientCredentials(NamedTuple):
    """The credentials of a registered service."""

    client_id: str
    secret: str


class Grant(NamedTuple):
    """What a token is issued for."""

    client_id: str
    audience: str
    scopes: list[str]


async def register(
    session: WriteSession,
    client_id: str,
    *,
    audiences: Sequence[str],
    scopes: Sequence[str],
    secret: str | None = None,
) -> str:
    """Register a client, or replace the one with this id. Returns its secret, of which only a hash is stored.

    A given `secret` has to be as hard to guess as a generated one.
    """
    secret = secret or secrets.token_urlsafe(32)
    client = ServiceClient(
        client_id=client_id,
        secret_hash=_hash(secret),
        audiences=list(audiences),
        scopes=list(scopes),
    )
    await ServiceClientRepository(session).save(client)
    return secret


async def authorize(
    session: ReadSession,
    credentials: ClientCredentials | None,
    *,
    audience: str | None,
    scope: str | None,
) -> Grant:
    """What the client gets a token for: what it asked for, as far as it was registered for that.

    Without an `audience`, it is the only one that the client was registered with. Without a `scope`, it is
    all scopes of the client.

    Raises:
        InvalidClient: the id is unknown or the secret is wrong; the two look alike.
        InvalidTarget: the client isn't registered for the audience, or has to name one of several.
        InvalidScope: the client isn't registered for one of the scopes.
    """
    client = await _authenticate(session, credentials)
    audiences = [audience] if audience else client.audiences
    if len(audiences) != 1 or audiences[0] not in client.audiences:
        raise InvalidTarget
    scopes = scope.split() if scope else client.scopes
    if not scopes or not set(scopes) <= set(client.scopes):
        raise InvalidScope
    return Grant(client.client_id, audiences[0], scopes)


async def _authenticate(
    session: ReadSession, credentials: ClientCredentials | None
) -> RegisteredClient:
    if credentials is None:
        raise InvalidClient
    client = await ServiceClientQueries(session).get(credentials.client_id)
    stored_hash = client.secret_hash if client else ""
    if not hmac.compare_digest(stored_hash, _hash(credentials.secret)) or client is None:
        raise InvalidClient
    return client


def _hash(secret: str) -> str:
    # A fast hash is enough for 256 random bits.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
