"""The users service's own commands, beside those that every service has."""

import os
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlmodel import col

from app import accounts, refresh_tokens, service_clients, signing_keys
from app.database import MIGRATIONS
from app.errors import EmailTaken
from app.main import create_app
from app.models import SigningKey, User
from app.outbox.housekeeping import prune_delivered
from app.outbox_commands import outbox_cli, relay
from app.passwords import PasswordHasher
from app.schemas import UserCreate
from app.settings import UsersSettings
from chassis.db.database import Database, WriteSession
from chassis.ops.cli import fail, in_transaction, service_cli, settings_or_exit, with_database
from chassis.web.fields import email_key

cli = service_cli("users", UsersSettings, create_app, MIGRATIONS)
cli.command()(relay)
cli.add_typer(outbox_cli, name="outbox")

_MAX_CLIENT_ID_LENGTH = 64
_MIN_CLIENT_SECRET_LENGTH = 32


@cli.command("create-admin")
def create_admin(
    email: Annotated[str, typer.Option(prompt=True, help="The administrator's e-mail address.")],
    name: Annotated[str, typer.Option(help="The administrator's name.")] = "Administrator",
) -> None:
    """Create an administrator, or make an existing account one.

    The password is asked for, or taken from the environment variable USERS_ADMIN_PASSWORD.
    An existing account keeps its password.
    """
    settings = settings_or_exit(UsersSettings)
    if in_transaction(settings, lambda session: _promote(session, email)):
        typer.echo("The account is an administrator now; its password is unchanged.")
        return
    body = _valid_account(email, name, _admin_password())

    async def register(session: WriteSession) -> int | None:
        password_hash = await PasswordHasher(settings).hash(body.password)
        user = await accounts.register(
            session, email=body.email, name=body.name, password_hash=password_hash, role="admin"
        )
        return user.id

    try:
        user_id = in_transaction(settings, register)
    except EmailTaken as error:
        fail(error.detail)
    typer.echo(f"Administrator created, with id {user_id}.")


@cli.command("rotate-keys")
def rotate_keys(
    now: Annotated[
        bool, typer.Option("--now", help="Sign with the new key at once, without the head start.")
    ] = False,
) -> None:
    """Make a new signing key that takes over from the present one.

    Others learn of it before it is used; tokens that the old key signed stay good until they expire.
    """
    settings = settings_or_exit(UsersSettings)
    key, old_until = in_transaction(
        settings, lambda session: signing_keys.rotate(session, settings, at_once=now)
    )
    typer.echo(f"Key {key.key_id} signs from {key.activates_at:%Y-%m-%d %H:%M:%S} UTC on.")
    typer.echo(f"The keys before it are published until {old_until:%Y-%m-%d %H:%M:%S} UTC.")


@cli.command("create-client")
def create_client(
    client_id: Annotated[str, typer.Argument(help="The service's name, such as `items`.")],
) -> None:
    """Register a service that may ask for tokens in its own name, or give it a new secret.

    The secret is printed once and can't be shown again. Where the platform makes the secrets, it
    is taken from the environment variable USERS_CLIENT_SECRET, and not printed.
    """
    if not (
        1 <= len(client_id) <= _MAX_CLIENT_ID_LENGTH
        and client_id.isascii()
        and client_id.isprintable()
    ):
        fail("the client id must be 1 to 64 printable ASCII characters.")
    settings = settings_or_exit(UsersSettings)
    given = os.environ.get("USERS_CLIENT_SECRET") or None
    if given is not None and len(given) < _MIN_CLIENT_SECRET_LENGTH:
        fail(f"USERS_CLIENT_SECRET must have at least {_MIN_CLIENT_SECRET_LENGTH} characters.")
    secret = in_transaction(
        settings, lambda session: service_clients.create_client(session, client_id, given)
    )
    typer.echo(f"client_id: {client_id}")
    if given is None:
        typer.echo(f"client_secret: {secret}")


@cli.command()
def prune(
    keep_days: Annotated[
        int, typer.Option(min=0, max=36_500, help="Keep what ended less than this many days ago.")
    ] = 7,
) -> None:
    """Delete what is of no use any more.

    That is logins that have ended, signing keys that aren't published any more, and delivered events
    that are older than USERS_EVENTS_KEEP_DAYS (a relay deletes those by itself, too).
    """
    settings = settings_or_exit(UsersSettings)

    async def delete_old(database: Database) -> tuple[int, int, int]:
        async with database.transaction() as session:
            logins = await refresh_tokens.prune(session, older_than=timedelta(days=keep_days))
            statement = delete(SigningKey).where(signing_keys.expired())
            keys = await session.execute(statement.returning(col(SigningKey.key_id)))
        age = timedelta(days=settings.events_keep_days)
        return logins, len(keys.all()), await prune_delivered(database, older_than=age)

    logins, keys, events = with_database(settings, delete_old)
    typer.echo(
        f"Deleted {logins} ended logins, {keys} expired signing keys and {events} delivered events."
    )


def _admin_password() -> str:
    # It is no option: other users of the machine can read a command line.
    given = os.environ.get("USERS_ADMIN_PASSWORD")
    return given or str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


async def _promote(session: WriteSession, email: str) -> bool:
    statement = select(col(User.id)).where(col(User.email_key) == email_key(email))
    user_id = await session.scalar(statement)
    if user_id is None:
        return False
    await accounts.change(session, user_id, {"role": "admin", "is_active": True})
    return True


def _valid_account(email: str, name: str, password: str) -> UserCreate:
    try:
        return UserCreate(email=email, name=name, password=password)
    except ValidationError as error:
        problems = (f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False))
        fail("; ".join(problems))
