"""Made-up accounts to look at: `make demo`."""

from itertools import product

from app.services import accounts
from app.services.passwords import PasswordHasher
from app.settings import UsersSettings
from chassis.db.sessions import WriteSession

PASSWORD = "a kettle of fish"  # noqa: S105 - for accounts in development only
_FIRST = ("Ada", "Grace", "Zoë", "Linus", "Chidi", "Mei", "Søren", "Inés", "Omar", "Yuki")
_LAST = ("Hopper", "Okafor", "Ito", "Núñez", "Li", "Khan", "Noether", "Berg", "Silva", "Roy")


async def create_accounts(session: WriteSession, settings: UsersSettings) -> int:
    """Create accounts `user1@example.com` and so on, the first as administrator; return how many.

    Raises:
        EmailTaken: they exist.
    """
    password_hash = await PasswordHasher(settings).hash(PASSWORD)
    names = [f"{first} {last}" for _, last, first in product(range(2), _LAST, _FIRST)]
    for number, name in enumerate(names, 1):
        await accounts.register(
            session,
            email=f"user{number}@example.com",
            name=name,
            password_hash=password_hash,
            email_verified=True,
            role="admin" if number == 1 else "user",
        )
    return len(names)
