"""Which new passwords are refused: what an attacker tries first (NIST SP 800-63B, section 3.1.1.2)."""

import gzip
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from app.clients.breached_passwords import BreachedPasswords, NoBreachedPasswords
from app.errors import WeakPassword
from chassis.db.columns import fold

_COMMON_PASSWORDS = Path(__file__).parents[1] / "data" / "common-passwords.txt.gz"


class PasswordRules:
    def __init__(
        self, breached: BreachedPasswords | None = None, *, words: Iterable[str] = ()
    ) -> None:
        self._breached = breached or NoBreachedPasswords()
        self._words = {_letters(word) for word in words} - {""}

    async def check(self, password: str, *, field: str, email: str, name: str) -> None:
        """Raises:
        WeakPassword: the password is common, has leaked, is the holder's own address or name, or is made of a
            word of the organisation. Its place is `field` of the body.
        """
        given = fold(password.strip())
        if given in _own_words(email, name):
            raise WeakPassword(field, "Password should not be your e-mail address or your name")
        if _letters(given) in self._words:
            raise WeakPassword(field, "Password should not be made of a name of this product")
        if given in _common_passwords():
            raise WeakPassword(field, "Password should not be one of the most common passwords")
        if await self._breached.contains(password):
            raise WeakPassword(field, "Password should not be one that has leaked elsewhere")


def _own_words(email: str, name: str) -> set[str]:
    address, name = fold(email), fold(name)
    return {address, address.partition("@")[0], name, "".join(name.split())}


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, fold(text)))


@cache
def _common_passwords() -> frozenset[str]:
    with gzip.open(_COMMON_PASSWORDS, "rt", encoding="utf-8") as lines:
        return frozenset(line.rstrip("\n") for line in lines)
