"""The errors of this service, in addition to those of `chassis.web.errors`."""

from typing import ClassVar

from chassis.web.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound


class UserNotFound(NotFound):
    sentence = "User not found"


class EmailTaken(Conflict):
    code, sentence = "email_taken", "Another account has this e-mail address."


class LastAdmin(Conflict):
    code, sentence = "last_admin", "This is the last active administrator."


class WrongPassword(Forbidden):
    code, sentence = "wrong_password", "The current password is wrong."


class InvalidCredentials(NotAuthenticated):
    code, sentence = "invalid_credentials", "E-mail or password is wrong."


class InvalidClient(NotAuthenticated):
    code, sentence = "invalid_client", "Client id or secret is wrong."
    default_headers: ClassVar = {"WWW-Authenticate": 'Basic realm="service clients"'}


class InvalidRefreshToken(NotAuthenticated):
    code, sentence = "invalid_refresh_token", "The refresh token is invalid or has expired."


class RefreshTokenReused(InvalidRefreshToken):
    """Its family was revoked in the session, which has to be committed."""


class InvalidScope(BadRequest):
    code, sentence = "invalid_scope", "This client isn't registered for that scope."


class InvalidTarget(BadRequest):
    """RFC 8707, section 2."""

    code = "invalid_target"
    sentence = "Name one of the audiences that this client is registered for."


class UnsupportedGrantType(BadRequest):
    code = "unsupported_grant_type"
    sentence = "grant_type must be password or client_credentials."
