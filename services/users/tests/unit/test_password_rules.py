"""New passwords that are refused."""

import pytest

from app.errors import WeakPassword
from app.services.password_rules import PasswordRules


class AllBreached:
    async def contains(self, _: str) -> bool:
        return True


async def check(password: str, rules: PasswordRules | None = None) -> None:
    await (rules or PasswordRules()).check(
        password, field="new_password", email="Ada.Lovelace@Example.com", name="Ada  King-Noël"
    )


@pytest.mark.parametrize(
    "password", ["password", "12345678", "PassWord", " qwertyui ", "Iloveyou1"]
)
async def test_common_password_is_refused_in_any_spelling(password: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        await check(password)
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == ["body", "new_password"]
    assert mistake["msg"] == "Password should not be one of the most common passwords"


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace@example.com",
        "ADA.LOVELACE",
        "ada  king-noël",
        "AdaKing-Noe\N{COMBINING DIAERESIS}l",
    ],
)
async def test_own_address_and_name_are_refused_in_any_spelling(password: str) -> None:
    with pytest.raises(WeakPassword, match="your e-mail address or your name"):
        await check(password)


@pytest.mark.parametrize("password", ["AcmeShop2026!", "acme-shop", "12acme34SHOP"])
async def test_word_of_the_organisation_with_digits_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword, match="name of this product"):
        await check(password, PasswordRules(words=["Acme Shop"]))
    await check(password)


async def test_word_of_the_organisation_among_others_is_accepted() -> None:
    await check("acme shop of horrors", PasswordRules(words=["Acme Shop", "shop"]))
    await check("1234 5678", PasswordRules(words=["Acme Shop", "2026"]))


@pytest.mark.parametrize(
    "password", ["a kettle of fish", "correct horse battery", "🎉" * 8, " " * 8]
)
async def test_other_password_is_accepted(password: str) -> None:
    await check(password)


async def test_leaked_password_is_refused() -> None:
    with pytest.raises(WeakPassword, match="leaked"):
        await check("a kettle of fish", PasswordRules(AllBreached()))
