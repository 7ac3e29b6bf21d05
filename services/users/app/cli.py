"""The command line of the users service: its own commands, and those of every service."""

import os
import re
import sys
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from app.database import MIGRATIONS
from app.errors import EmailTaken, UserNotFound, WeakPassword
from app.events.user_events import SOURCE
from app.jobs import pruning
from app.jobs.demo import PASSWORD, create_accounts
from app.main import create_app, token_issuer
from app.repositories.users import UserQueries
from app.schemas import UserCreate
from app.services import accounts, restore, service_clients, signing_keys
from app.services.access_tokens import FIRST_PARTY
from app.services.password_rules import PasswordRules
from app.services.passwords import PasswordHasher
from app.services.security_events import record_command
from app.settings import SERVICE_NAME, UsersSettings
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from chassis.events.outbox.commands import add_outbox_commands
from chassis.events.outbox.housekeeping import prune_delivered
from chassis.events.outbox.restore import StatesUnusable, read_states
from chassis.ops.backups import add_backup
from chassis.ops.cli import database_cli, fail, in_transaction, settings_or_exit, with_database
from chassis.web.fields import MAX_ID

cli = database_cli("users", UsersSettings, create_app, MIGRATIONS)
add_outbox_commands(
    cli,
    "users",
    UsersSettings,
    lambda database, settings: token_issuer(database, settings).for_delivery,
    source=SOURCE,
)

add_backup(cli, UsersSettings)

# Many clients send both by HTTP Basic without encoding them first, which changes `%` and `+`, and a `:` in the id.
_CLIENT_ID = re.compile(r"(?:(?![:%+])[ -~]){1,64}")
_CLIENT_SECRET = re.compile(r"(?:(?![%+])[ -~]){32,512}")


@cli.command("create-admin")
def create_admin(
    email: Annotated[str, typer.Option(prompt=True, help="The administrator's e-mail address.")],
    name: Annotated[str, typer.Option(help="The administrator's name.")] = "Administrator",
) -> None:
    """Create an administrator. It fails if an account has the e-mail address already.

    It asks for the password, unless the environment variable USERS_ADMIN_PASSWORD is set.
    """
    settings = settings_or_exit(UsersSettings)
    body = _valid_account(email, name, _admin_password())

    async def register(session: WriteSession) -> int:
        await PasswordRules(words=settings.password_words).check(
            body.password, field="password", email=body.email, name=body.name
        )
        password_hash = await PasswordHasher(settings).hash(body.password)
        user = await accounts.register(
            session,
            email=body.email,
            name=body.name,
            password_hash=password_hash,
            role="admin",
            email_verified=True,
        )
        return user.id

    try:
        user_id = in_transaction(settings, register)
    except EmailTaken as error:
        fail(f"{error.detail} `promote-admin --id` makes an existing account an administrator.")
    except WeakPassword as error:
        fail(f"password: {error.detail}.")
    record_command("account_creation", user_id)
    typer.echo(f"Administrator created, with id {user_id}.")


@cli.command("promote-admin")
def promote_admin(
    user_id: Annotated[int, typer.Option("--id", min=1, max=MAX_ID, help="The account's id.")],
    confirmed: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Make an existing account an active administrator, and end its logins.

    It shows the account and asks first, because anyone may have registered it.
    """
    settings = settings_or_exit(UsersSettings)
    account = with_database(settings, lambda db: UserQueries(db.read_session()).get(user_id))
    if account is None:
        fail(f"there is no account with id {user_id}.")
    created_at = f"{account.created_at:%Y-%m-%d %H:%M} UTC"
    typer.echo(f"{account.name!r}, {account.email}, registered {created_at}, role {account.role}.")
    if not confirmed:
        typer.confirm("Make this account an administrator?", abort=True)
    try:
        in_transaction(settings, lambda session: accounts.promote(session, user_id))
    except UserNotFound:
        fail("the account was deleted meanwhile.")
    record_command("role_change", user_id)
    typer.echo("The account is an administrator now, and has to sign in again.")


@cli.command("rotate-keys")
def rotate_keys(
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="Sign with the new key at once, before verifiers have loaded it."
        ),
    ] = False,
    revoke_old: Annotated[
        bool,
        typer.Option(
            "--revoke-old", help="With --now: end the other keys, and all tokens that they signed."
        ),
    ] = False,
) -> None:
    """Create a new signing key that replaces the current one.

    It is published before it is used. Tokens that the old key signed stay valid until they expire.
    """
    if revoke_old and not now:
        fail("--revoke-old needs --now: without a key that signs, nobody could sign in.")
    settings = settings_or_exit(UsersSettings)
    key, old_until = in_transaction(
        settings,
        lambda session: signing_keys.rotate(session, settings, at_once=now, revoke_old=revoke_old),
    )
    record_command("key_rotation", key.key_id)
    typer.echo(f"Key {key.key_id} signs from {key.activates_at:%Y-%m-%d %H:%M:%S} UTC on.")
    typer.echo(f"The keys before it are published until {old_until:%Y-%m-%d %H:%M:%S} UTC.")


@cli.command("create-client")
def create_client(
    client_id: Annotated[str, typer.Argument(help="The service's name.")],
    audience: Annotated[
        list[str], typer.Option(help="A service that it may get tokens for. Repeatable.")
    ],
    scope: Annotated[list[str], typer.Option(help="What its tokens may allow. Repeatable.")],
) -> None:
    """Register a service that may ask for tokens in its own name, or replace its registration.

    The secret is printed once and can't be shown again. If the environment variable USERS_CLIENT_SECRET
    has a secret, that one is used and not printed.
    """
    if not _CLIENT_ID.fullmatch(client_id):
        fail("the client id must be 1 to 64 printable ASCII characters without :, % and +.")
    if client_id in {SERVICE_NAME, FIRST_PARTY} or client_id.isdigit():
        fail("this client id is reserved for tokens of users and of the users service itself.")
    for name in (*audience, *scope):
        if not name or " " in name or not _is_printable_ascii(name):
            fail("an audience or a scope must be printable ASCII characters without spaces.")
    settings = settings_or_exit(UsersSettings)
    given = os.environ.get("USERS_CLIENT_SECRET") or None
    if given is not None and not _CLIENT_SECRET.fullmatch(given):
        fail("USERS_CLIENT_SECRET must be 32 to 512 printable ASCII characters without % and +.")
    secret = in_transaction(
        settings,
        lambda session: service_clients.register(
            session, client_id, audiences=audience, scopes=scope, secret=given
        ),
    )
    record_command("client_registration", client_id)
    typer.echo(f"client_id: {client_id}")
    if given is None:
        typer.echo(f"client_secret: {secret}")


@cli.command()
def prune(
    keep_days: Annotated[
        int,
        typer.Option(
            min=0, max=36_500, help="Keep logins that ended less than this many days ago."
        ),
    ] = pruning.KEEP.days,
) -> None:
    """Delete ended logins, expired signing keys, and old events that every subscriber has received.

    Events are old after USERS_EVENTS_KEEP_DAYS. The service does the same every hour, and the relay for events.
    """
    settings = settings_or_exit(UsersSettings)

    async def delete_old(database: Database) -> tuple[int, int, int]:
        async with database.transaction() as session:
            logins, keys = await pruning.prune(session, keep=timedelta(days=keep_days))
        age = timedelta(days=settings.events_keep_days)
        return logins, keys, await prune_delivered(database, older_than=age)

    logins, keys, events = with_database(settings, delete_old)
    typer.echo(
        f"Deleted {logins} ended logins, {keys} expired signing keys and {events} delivered events."
    )


@cli.command("after-restore")
def after_restore(
    without: Annotated[
        list[str] | None,
        typer.Option(help="A subscriber whose database is lost, too. Repeatable."),
    ] = None,
) -> None:
    """Prepare a database that was restored from a backup, before the service starts.

    It reads what the subscribers know from the standard input: the output of `subscriber-state` of each.
    Accounts that one of them knows as deleted are deleted again. All logins and all links in mails end.
    """
    settings = settings_or_exit(UsersSettings)
    lines = sys.stdin.readlines()

    async def prepare(session: WriteSession) -> restore.Restored:
        states = await read_states(session, lines, without=without or ())
        return await restore.after_restore(session, states)

    try:
        restored = in_transaction(settings, prepare)
    except StatesUnusable as error:
        fail(str(error))
    typer.echo(f"Deleted {len(restored.deleted)} accounts that were deleted since the backup.")
    if restored.kept:
        fail(
            f"account {restored.kept[0]} was deleted since the backup, and is the only active administrator "
            "now: create another administrator, and delete it."
        )


@cli.command()
def demo() -> None:
    """Create made-up accounts in a new database, in development only."""
    settings = settings_or_exit(UsersSettings)
    if settings.environment != "development":
        fail(
            "USERS_ENVIRONMENT must be development: everyone knows the password of these accounts."
        )
    try:
        count = in_transaction(settings, lambda session: create_accounts(session, settings))
    except EmailTaken:
        typer.echo("The made-up accounts exist already.")
    else:
        typer.echo(
            f"Created {count} accounts: user1@example.com (administrator), user2@example.com and so on, "
            f"password {PASSWORD!r}."
        )


def _is_printable_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _admin_password() -> str:
    # Not an option: other users of the machine can read a command line.
    given = os.environ.get("USERS_ADMIN_PASSWORD")
    return given or str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _valid_account(email: str, name: str, password: str) -> UserCreate:
    try:
        return UserCreate(email=email, name=name, password=password)
    except ValidationError as error:
        problems = (f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False))
        fail("; ".join(problems))
