"""Each error of this service has a status, a stable code and a sentence."""

import inspect

import pytest

from app import errors
from chassis.web.errors import ApiError

OWN = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, ApiError) and error.__module__ == errors.__name__
]
CODES = {
    "UserNotFound": (404, "not_found"),
    "EmailTaken": (409, "email_taken"),
    "LastAdmin": (409, "last_admin"),
    "WrongPassword": (403, "wrong_password"),
    "InvalidCredentials": (401, "invalid_credentials"),
    "InvalidClient": (401, "invalid_client"),
    "InvalidRefreshToken": (401, "invalid_refresh_token"),
    "RefreshTokenReused": (401, "invalid_refresh_token"),
    "InvalidScope": (400, "invalid_scope"),
    "InvalidTarget": (400, "invalid_target"),
    "UnsupportedGrantType": (400, "unsupported_grant_type"),
}


class TestErrors:
    def test_errors_have_their_documented_codes(self) -> None:
        assert {error.__name__: (error.status, error.code) for error in OWN} == CODES

    @pytest.mark.parametrize("error", OWN)
    def test_each_error_has_a_sentence(self, error: type[ApiError]) -> None:
        assert error().detail == error.sentence
        assert " " in error.sentence
