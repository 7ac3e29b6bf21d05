"""Every error that all services answer with. A class is a status, a stable code and a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastapi import HTTPException
from pydantic import BaseModel, Field

from chassis.web.descriptions import header

MAX_ERRORS = 20
"""The most errors in one 422; the last one is the number of others."""
_BEARER = {"WWW-Authenticate": "Bearer"}


class ErrorBody(BaseModel):
    """The body of every error but `validation_error`."""

    error: str = Field(description="A stable code, for programs.")
    detail: str = Field(description="A sentence, for people.")
    request_id: str = Field(description="The id of this request in the service's logs.")


class FieldError(BaseModel):
    type: str = Field(description="The kind of mistake, as pydantic names it.")
    loc: list[str | int] = Field(
        description="Where the mistake is: `body`, `query` or `path`, then the field."
    )
    msg: str = Field(description="A sentence about the mistake.")


class ValidationErrorBody(BaseModel):
    """The body of a `validation_error`. It never repeats the value that was sent."""

    error: str
    detail: list[FieldError]
    request_id: str


class ApiError(HTTPException):
    status: ClassVar[int]
    code: ClassVar[str]
    sentence: ClassVar[str]
    default_headers: ClassVar[Mapping[str, str]] = {}
    body_model: ClassVar[type[ErrorBody]] = ErrorBody
    is_recorded: ClassVar[bool] = False
    """Whether a security event of its own tells of it, so that no `access` has to."""

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(
            self.status, detail or self.sentence, {**self.default_headers, **(headers or {})}
        )

    @property
    def more_fields(self) -> Mapping[str, str]:
        """What `body_model` has in addition to `ErrorBody`."""
        return {}


class BadRequest(ApiError):
    status, code, sentence = 400, "bad_request", "The request could not be read."


class NotAuthenticated(ApiError):
    status, code, sentence = 401, "not_authenticated", "Send an access token."
    default_headers: ClassVar = _BEARER


class InvalidToken(ApiError):
    status, code = 401, "invalid_token"
    sentence = "The access token is invalid or has expired."
    default_headers: ClassVar = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Forbidden(ApiError):
    status, code, sentence = 403, "forbidden", "You may not do this."


class NotFound(ApiError):
    status, code, sentence = 404, "not_found", "Not found"


class MethodNotAllowed(ApiError):
    status, code, sentence = 405, "method_not_allowed", "This path has no such method."


class Conflict(ApiError):
    status = 409


class PreconditionFailed(ApiError):
    status, code = 412, "precondition_failed"
    sentence = "The resource has changed since you read it; read it again."


class BodyTooLarge(ApiError):
    status, code, sentence = 413, "body_too_large", "The request body is too large."


class UnsupportedMediaType(ApiError):
    status, code = 415, "unsupported_media_type"
    sentence = "Send the body as another media type."


class TooManyRequests(ApiError):
    status, code, sentence = 429, "too_many_requests", "Too many requests; try again later."
    default_headers: ClassVar = {"Retry-After": "60"}


class InvalidRequest(ApiError):
    """A rule over several fields is broken: a 422 of the same shape as FastAPI's own."""

    status, code, sentence = 422, "validation_error", "The request is not valid."

    def __init__(
        self, loc: Sequence[str | int], message: str, *, kind: str = "value_error"
    ) -> None:
        super().__init__(message)
        self._error = {"type": kind, "loc": list(loc), "msg": message}

    def errors(self) -> list[dict[str, Any]]:
        """Like the errors of a `RequestValidationError`."""
        return [self._error]


class InternalError(ApiError):
    status, code, sentence = 500, "internal_error", "Something went wrong on our side."


class Unavailable(ApiError):
    status = 503
    default_headers: ClassVar = {"Retry-After": "1"}


class DatabaseUnavailable(Unavailable):
    code, sentence = "database_unavailable", "The database can't be reached; try again shortly."


class Overloaded(Unavailable):
    code, sentence = "overloaded", "The service has too much to do; try again shortly."


class UnknownOutcome(ApiError):
    """Without `Retry-After`, unless the request has an `Idempotency-Key` and can be repeated safely."""

    status, code = 503, "outcome_unknown"
    sentence = "The change may or may not have been stored; look before you repeat the request."


def error_responses(*errors: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may raise these errors, for its OpenAPI description."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = by_status.setdefault(
            error.status,
            {"model": error.body_model, "description": "", "content": {"application/json": {}}},
        )
        entry["description"] = " / ".join(filter(None, (entry["description"], f"`{error.code}`")))
        for name, value in error.default_headers.items():
            entry.setdefault("headers", {}).setdefault(name, header(f"Such as `{value}`."))
        examples = entry["content"]["application/json"].setdefault("examples", {})
        examples[error.code] = {
            "summary": error.sentence,
            "value": {
                "error": error.code,
                "detail": error.sentence,
                "request_id": "3f2a9c",
                **error().more_fields,
            },
        }
    return by_status
