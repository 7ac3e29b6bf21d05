"""What an error carries besides its code: how to authenticate, and what was wrong where."""

import pytest

from chassis.web.errors import ApiError, InvalidRequest, InvalidToken, NotAuthenticated


@pytest.mark.parametrize(
    ("error", "challenge"),
    [(NotAuthenticated(), "Bearer"), (InvalidToken(), 'Bearer error="invalid_token"')],
    ids=lambda each: each.code if isinstance(each, ApiError) else "",
)
def test_a_401_says_how_to_authenticate(error: ApiError, challenge: str) -> None:
    """RFC 9110, 11.6.1, and RFC 6750, 3."""
    assert error.headers == {"WWW-Authenticate": challenge}


def test_a_broken_rule_over_several_fields_reads_like_a_422_of_fastapi() -> None:
    error = InvalidRequest(("query", "min_price"), "It is above max_price.")

    assert (error.status_code, error.detail) == (422, "It is above max_price.")
    assert error.errors == [
        {"type": "value_error", "loc": ["query", "min_price"], "msg": "It is above max_price."}
    ]
