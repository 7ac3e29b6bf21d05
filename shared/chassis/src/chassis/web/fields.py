"""Field types that both services' schemas share (limits: the API's description)."""

from contextlib import suppress
from typing import Annotated, Any, cast

from email_validator import EmailNotValidError, validate_email
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

from chassis.db.columns import fold

MAX_ID = 2**63 - 1
"""The largest BIGINT."""
MAX_ID_DIGITS = 19
_MAX_EMAIL_LENGTH = 254
_WITHOUT_NUL = r"^[^\x00]*$"


class _Storable:
    """Refuses what no database stores: the NUL character, and lone surrogates, which have no UTF-8 form."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        without_nul = core_schema.custom_error_schema(
            core_schema.str_schema(pattern=_WITHOUT_NUL),
            custom_error_type="string_nul",
            custom_error_message="String should not contain the NUL character",
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
_TRIMMED = rf"[^{_BLANK}\x00](?:[^\x00]{{0,118}}[^{_BLANK}\x00])?"

# The constraints stand before the validator: behind it, pydantic would measure before it trims,
# and speak of "items" instead of characters.
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    storable,
    WithJsonSchema(  # `maxLength` would speak of the text before it is trimmed
        {
            "type": "string",
            "pattern": rf"^[{_BLANK}]*{_TRIMMED}[{_BLANK}]*$",
            "description": "1 to 120 characters, without the blanks around them.",
        }
    ),
]
"""1-120 characters after trimming."""


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


def _valid_email(value: str) -> str:
    if len(value) <= _MAX_EMAIL_LENGTH:  # the library takes seconds for a long text
        with suppress(EmailNotValidError):
            # Strict, because RFC 5321 (4.5.3.1.1) limits the part before the @ to 64 characters.
            return validate_email(value, check_deliverability=False, strict=True).normalized
    # The library's own message quotes parts of the address.
    raise PydanticCustomError(
        "email", f"Value should be a valid e-mail address of at most {_MAX_EMAIL_LENGTH} characters"
    )


Email = Annotated[
    Text,
    AfterValidator(_valid_email),
    WithJsonSchema(
        {
            "type": "string",
            "format": "email",
            "maxLength": _MAX_EMAIL_LENGTH,
            "description": "An address that can receive mail: not at `.test`, `.local` and the like (RFC 6761).",
        }
    ),
]


def email_key(value: str) -> str:
    """The form that makes an e-mail address unique: folded, and its domain decoded (IDNA, RFC 5891)."""
    with suppress(PydanticCustomError):
        value = _valid_email(value)
    return fold(value)
