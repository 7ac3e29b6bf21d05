"""What is redacted in log lines of the service and of libraries."""

from typing import Any

import pytest

from chassis.ops.logs import scrub

LEAK = "hunter2"


def scrubbed(**event: Any) -> dict[str, Any]:
    return dict(scrub(None, "info", event))


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "PASSWORD_HASH",
        "new_passwd",
        "passphrase",
        "client_secret",
        "access_token",
        "Authorization",
        "set_cookie",
        "private_pem",
        "email",
        "user_e_mail",
        "e_mail",
    ],
)
def test_value_of_a_secret_key_is_redacted(key: str) -> None:
    assert scrubbed(**{key: LEAK}) == {key: "[redacted]"}


@pytest.mark.parametrize("value", ["GET", 200, 0.5, None, True, b"bytes"])
def test_other_value_is_unchanged(value: object) -> None:
    assert scrubbed(event="request", value=value) == {"event": "request", "value": value}


def test_nested_secret_key_is_redacted() -> None:
    event = scrubbed(payload={"user": [{"name": "Ada", "password": LEAK}], 1: ({"token": LEAK},)})
    assert event == {
        "payload": {
            "user": [{"name": "Ada", "password": "[redacted]"}],
            "1": [{"token": "[redacted]"}],
        }
    }


@pytest.mark.parametrize(
    "text",
    [
        f"duplicate key\nDETAIL:  Key (email)=({LEAK}) already exists.",
        f"null value\nDETAIL:  Failing row contains (1, a\nb {LEAK}).\n[SQL: INSERT]",
        f"null value\nDETAIL:  Failing row contains (1, a\n\n{LEAK}).\nHINT:  Give it one.",
        f"  | null value\n  | DETAIL:  Failing row contains (a\n  | {LEAK}).\n  +---",
        f"ValueError: x\nDETAIL:  Key ({LEAK})\n\nThe above exception was the direct cause",
        f"ValueError: x\nDETAIL:  Key ({LEAK})\n\nDuring handling of the above exception",
        f"[SQL: INSERT]\n[parameters: ('{LEAK}', 'b]')]",
        f"invalid input for query argument $1: '{LEAK}' (expected a number)",
        f'invalid input syntax for type uuid: "{LEAK}"',
        f"Input should be a number [type=int_type, input_value='{LEAK}', input_type=str]",
        f"{{'type': 'missing', 'loc': ('response', 'id'), 'input': {{'hash': '{LEAK}'}}}}",
    ],
)
def test_values_in_an_exception_are_redacted(text: str) -> None:
    event = scrubbed(exception=f"{text}\n", error=ValueError(text), errors=[text])
    assert LEAK not in str(event)
    assert all("[redacted]" in str(value) for value in event.values())


def test_other_text_of_an_exception_is_unchanged() -> None:
    text = "null value\nDETAIL:  Failing row contains (1).\n[SQL: INSERT]\n[parameters: (1,)]\n(Background)"
    assert scrubbed(exception=text) == {
        "exception": "null value\nDETAIL: [redacted]\n[SQL: INSERT]\n[parameters: [redacted]\n(Background)"
    }


def test_exception_is_its_type_and_message() -> None:
    assert scrubbed(error=KeyError("size")) == {"error": "KeyError: 'size'"}
