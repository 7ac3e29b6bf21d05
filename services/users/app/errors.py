"""The errors of this service, in addition to those of `chassis.web.errors`."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from chassis.web.errors import (
    ApiError,
    BadRequest,
    Conflict,
    ErrorBody,
    Forbidden,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
)

RECENT_SECONDS = 600
"""A sign-in is recent for this long."""


class UserNotFound(NotFound):
    sentence = "User not found"


class SessionNotFound(NotFound):
    sentence = "Session not found"


class EmailTaken(Conflict):
    code, sentence = "email_taken", "Another account has this e-mail address."


class LastAdmin(Conflict):
    code, sentence = "last_admin", "This is the last active administrator."


class WrongPassword(Forbidden):
    code, sentence = "wrong_password", "The current password is wrong."
    is_recorded = True


class WeakPassword(InvalidRequest):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(["body", field], message, kind="weak_password")


class InvalidOrExpiredToken(BadRequest):
    code = "invalid_or_expired_token"
    sentence = "The token is invalid, was used or has expired."


class SignInTooOld(NotAuthenticated):
    """RFC 9470, section 3."""

    code, sentence = "insufficient_user_authentication", "Sign in again: this needs a new sign-in."
    default_headers: ClassVar = {
        "WWW-Authenticate": f'Bearer error="insufficient_user_authentication", max_age="{RECENT_SECONDS}"'
    }


class TokenErrorBody(ErrorBody):
    error_description: str = Field(description="The same sentence as `detail` (RFC 6749, 5.2).")


class TokenError(ApiError):
    """An error of `POST /auth/token`. Its sentence is ASCII without `"` and backslash, as the RFC demands."""

    body_model: ClassVar = TokenErrorBody

    @property
    def more_fields(self) -> Mapping[str, str]:
        return {"error_description": self.detail}


class InvalidCredentials(TokenError, NotAuthenticated):
    code, sentence = "invalid_credentials", "E-mail or password is wrong."
    is_recorded = True


class InvalidClient(TokenError, NotAuthenticated):
    code, sentence = "invalid_client", "Client id or secret is wrong."
    default_headers: ClassVar = {"WWW-Authenticate": 'Basic realm="service clients"'}
    is_recorded = True


class InvalidRefreshToken(NotAuthenticated):
    code, sentence = "invalid_refresh_token", "The refresh token is invalid or has expired."


class RefreshTokenReused(InvalidRefreshToken):
    """The token's family was revoked in the session, which has to be committed."""

    is_recorded = True

    def __init__(self, user_id: int) -> None:
        super().__init__()
        self.user_id = user_id


class InvalidScope(TokenError, BadRequest):
    code, sentence = "invalid_scope", "This client isn't registered for that scope."


class InvalidTarget(TokenError, BadRequest):
    """RFC 8707, section 2."""

    code = "invalid_target"
    sentence = "Name one of the audiences that this client is registered for."


class UnsupportedGrantType(TokenError, BadRequest):
    code = "unsupported_grant_type"
    sentence = "grant_type must be password, refresh_token or client_credentials."


class InvalidGrant(TokenError, BadRequest):
    code, sentence = "invalid_grant", "The refresh token is invalid or has expired."


class InvalidTokenRequest(TokenError, BadRequest):
    code, sentence = "invalid_request", "A field is missing, too long or sent in two ways."
