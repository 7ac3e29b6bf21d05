"""What the routes add to the OpenAPI description: responses, headers and links."""

from typing import Any

from pydantic import TypeAdapter

from app.errors import (
    EmailTaken,
    InvalidClient,
    InvalidCredentials,
    InvalidGrant,
    InvalidOrExpiredToken,
    InvalidRefreshToken,
    InvalidScope,
    InvalidTarget,
    InvalidTokenRequest,
    LastAdmin,
    SessionNotFound,
    SignInTooOld,
    UnsupportedGrantType,
    UserNotFound,
    WrongPassword,
)
from app.schemas import TokenRequest
from chassis.web.descriptions import header, links
from chassis.web.errors import (
    Forbidden,
    InvalidToken,
    NotAuthenticated,
    Overloaded,
    TooManyRequests,
    error_responses,
)
from chassis.web.media_types import FORM

Responses = dict[int | str, dict[str, Any]]
"""The `responses=` of a route."""

_SIGNED_IN = (NotAuthenticated, InvalidToken)
_TESTS_PASSWORD = (TooManyRequests, Overloaded)
_ADMIN_LINKS = ("admin_read_user", "admin_update_user", "admin_delete_user")
_ID_OF_RESPONSE = {"user_id": "$response.body#/id"}
_ADMIN_ACCOUNT = {"links": links(*_ADMIN_LINKS, parameters=_ID_OF_RESPONSE)}

CREATE_USER: Responses = {
    201: {
        "headers": {"Location": header("The path of the new user's public view.")},
        "links": {
            **links("users_read_user", *_ADMIN_LINKS, parameters=_ID_OF_RESPONSE),
            **links(
                "auth_create_token",
                body={
                    "grant_type": "password",
                    "username": "$request.body#/email",
                    "password": "$request.body#/password",
                },
            ),
        },
    },
    **error_responses(EmailTaken, *_TESTS_PASSWORD),
}
READ_ME: Responses = error_responses(*_SIGNED_IN)
UPDATE_ME: Responses = error_responses(*_SIGNED_IN, WrongPassword, EmailTaken, *_TESTS_PASSWORD)
CHANGE_MY_PASSWORD: Responses = error_responses(*_SIGNED_IN, WrongPassword, *_TESTS_PASSWORD)
DELETE_ME: Responses = error_responses(*_SIGNED_IN, WrongPassword, LastAdmin, *_TESTS_PASSWORD)
DELETE_ME_WITHOUT_PASSWORD: Responses = error_responses(*_SIGNED_IN, SignInTooOld, LastAdmin)
LIST_SESSIONS: Responses = {
    200: {"links": links("users_end_session", parameters={"session_id": "$response.body#/0/id"})},
    **error_responses(*_SIGNED_IN),
}
END_SESSION: Responses = error_responses(*_SIGNED_IN, SessionNotFound)
READ_USER: Responses = error_responses(*_SIGNED_IN, UserNotFound)

SIGN_IN_DESCRIPTION = (
    "With `grant_type=password` a user signs in by e-mail address and password, and stays signed in with "
    "`grant_type=refresh_token`. With `grant_type=client_credentials` a registered service gets a token "
    "in its own name, without a refresh token."
)
_TOKEN_REQUEST = TypeAdapter[TokenRequest](TokenRequest).json_schema(
    ref_template="#/components/schemas/{model}"
)
_GRANTS = _TOKEN_REQUEST.pop("$defs")
TOKEN_REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "$ref": "#/components/schemas/TokenRequest",
                    "$defs": {**_GRANTS, "TokenRequest": _TOKEN_REQUEST},
                }
            }
        },
    },
    "security": [{}],  # a person needs no client
}
CREATE_TOKEN: Responses = {
    200: {
        "links": links(
            "auth_refresh",
            "auth_log_out",
            body={"refresh_token": "$response.body#/refresh_token"},
        )
    },
    **error_responses(
        InvalidTokenRequest,
        InvalidGrant,
        UnsupportedGrantType,
        InvalidScope,
        InvalidTarget,
        InvalidCredentials,
        InvalidClient,
        *_TESTS_PASSWORD,
    ),
}
REFRESH: Responses = error_responses(InvalidRefreshToken)

REQUEST_VERIFICATION: Responses = error_responses(*_SIGNED_IN, TooManyRequests)
CONFIRM_VERIFICATION: Responses = error_responses(
    InvalidOrExpiredToken, EmailTaken, TooManyRequests
)
REQUEST_RESET: Responses = error_responses(TooManyRequests)
CONFIRM_RESET: Responses = error_responses(InvalidOrExpiredToken, *_TESTS_PASSWORD)

ADMIN: Responses = error_responses(*_SIGNED_IN, Forbidden)
ADMIN_READ_USER: Responses = {200: _ADMIN_ACCOUNT, **error_responses(UserNotFound)}
ADMIN_UPDATE_USER: Responses = {200: _ADMIN_ACCOUNT, **error_responses(UserNotFound, LastAdmin)}
ADMIN_DELETE_USER: Responses = error_responses(UserNotFound, LastAdmin)

INTERNAL: Responses = error_responses(*_SIGNED_IN, Forbidden)
