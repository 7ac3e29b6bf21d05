"""Field types that both services' schemas share (limits: the API's description)."""

from contextlib import suppress
from typing import Annotated, Any, cast
from unicodedata import normalize

from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from fastapi import Path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MAX_ID = 2**63 - 1
"""The largest BIGINT."""
MAX_ID_DIGITS = 19
_MAX_EMAIL_LENGTH = 254
_WITHOUT_NUL = r"^[^\x00]*$"


def _matching(pattern: str, error_type: str, message: str) -> CoreSchema:
    """Checked by pydantic's own engine: a function of ours would cost each request."""
    return core_schema.custom_error_schema(
        core_schema.str_schema(pattern=pattern),
        custom_error_type=error_type,
        custom_error_message=message,
    )


class _Storable:
    """Refuses what no database stores: the NUL character, and lone surrogates, which have no UTF-8 form."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        without_nul = _matching(
            _WITHOUT_NUL, "string_nul", "String should not contain the NUL character"
        )
        # A constrained text is decoded, which refuses lone surrogates with an error of its own.
        decoded = core_schema.str_schema(min_length=0)
        return core_schema.chain_schema([handler(source), decoded, without_nul])

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        steps = cast("core_schema.ChainSchema", schema)["steps"]
        return {**handler(steps[0]), "pattern": _WITHOUT_NUL}


storable = _Storable()

Text = Annotated[str, storable]
"""Text that every database can store. Each text field of a request is one."""

# What pydantic trims: Unicode's White_Space. `\s` differs between languages.
_BLANK = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""Controls and line ends, and what turns the direction of the text that follows (bidirectional overrides)."""
_INVISIBLE = (  # blanks, controls and what fonts don't draw: Unicode's Default_Ignorable_Code_Point, and two fillers
    _BLANK
    + _CONTROL
    + r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065"
    r"\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8" + "\U000e0000-\U000e0fff"
)


def _name_schema(forbidden: str, visible: str = "", description: str = "") -> WithJsonSchema:
    """`maxLength` would speak of the text before it is trimmed."""
    edge = f"[^{_BLANK}{forbidden}]"
    trimmed = f"{edge}(?:[^{forbidden}]{{0,118}}{edge})?"
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{visible}[{_BLANK}]*{trimmed}[{_BLANK}]*$",
            "description": f"1 to 120 characters, without the blanks around them{description}.",
        }
    )


class _Visible:
    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        no_control = _matching(
            f"^[^{_CONTROL}]*$",
            "string_control",
            "String should not contain control or bidirectional-override characters",
        )
        visible = _matching(
            f"[^{_INVISIBLE}]", "string_invisible", "String should have a visible character"
        )
        return core_schema.chain_schema([handler(source), no_control, visible])


# The constraints stand before the validator: behind it, pydantic would measure before it trims,
# and speak of "items" instead of characters.
_NAME = StringConstraints(strip_whitespace=True, min_length=1, max_length=120)
StoredName = Annotated[str, _NAME, storable, _name_schema(r"\x00")]
"""1-120 characters after trimming: a name in another service's answer or event, where it may be an old one."""
Name = Annotated[
    str,
    _NAME,
    storable,
    _Visible(),
    _name_schema(
        _CONTROL, rf"(?=[\s\S]*[^{_INVISIBLE}])", ", at least one visible, none a control"
    ),
]
"""1-120 characters after trimming, as a request may set it."""


def _plain_digits(value: Any) -> Any:
    """`int()` also takes `+1`, `1_000`, ` 1` and `1.0`; in a path or query those are mistakes."""
    if isinstance(value, str) and not (
        value.isascii() and value.isdigit() and len(value) <= MAX_ID_DIGITS
    ):
        raise PydanticCustomError("int_parsing", "Input should be a whole number in plain digits")
    return value


# The limits stand before the validator: behind it, the API description would get names of
# pydantic's own for them.
plain_digits = BeforeValidator(_plain_digits)

EntityId = Annotated[int, Field(ge=1, le=MAX_ID), plain_digits]
PathId = Annotated[EntityId, Path(description="1 to 2^63-1.")]


def _valid_email(value: str) -> ValidatedEmail:
    if len(value) <= _MAX_EMAIL_LENGTH:  # the library takes seconds for a long text
        with suppress(EmailNotValidError):
            # Strict, because RFC 5321 (4.5.3.1.1) limits the part before the @ to 64 characters.
            return validate_email(value, check_deliverability=False, strict=True)
    # The library's own message quotes parts of the address.
    raise PydanticCustomError(
        "email", f"Value should be a valid e-mail address of at most {_MAX_EMAIL_LENGTH} characters"
    )


Email = Annotated[
    Text,
    AfterValidator(lambda value: _valid_email(value).normalized),
    WithJsonSchema(
        {
            "type": "string",
            "format": "idn-email",  # `email` is ASCII only
            "maxLength": _MAX_EMAIL_LENGTH,
            "description": "An address that can receive mail: not at `.test`, `.local` and the like (RFC 6761).",
        }
    ),
]


def email_key(value: str) -> str:
    """The form that makes an e-mail address unique.

    The local part is case-folded and NFKC-normalised (Unicode, D146), and the domain has its IDNA form (RFC 5891):
    folded, `straße.de` would be `strasse.de`, which is another domain.
    """
    local, separator, domain = value, "", ""
    with suppress(PydanticCustomError):
        valid = _valid_email(value)
        local, separator, domain = valid.local_part, "@", valid.ascii_domain
    for _ in range(2):
        local = normalize("NFKC", normalize("NFD", local).casefold())
    return f"{local}{separator}{domain}"
