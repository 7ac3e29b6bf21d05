"""The API description: what every route may answer, added where it applies and nowhere else."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from chassis.web.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    DatabaseUnavailable,
    ErrorBody,
    UnsupportedMediaType,
    ValidationErrorBody,
    error_responses,
)

_VALIDATION_ERROR = {
    "description": "`validation_error`",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ValidationErrorBody"}}
    },
}


def install_openapi(app: FastAPI, token_url: str | None) -> None:
    """Serve `/openapi.json`: with the app's own error bodies, and where tokens come from."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
            if token_url is not None:
                _sign_in_at(token_url, app.openapi_schema)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False)
    async def read_description() -> JSONResponse:
        return JSONResponse(openapi())


def _describe(app: FastAPI) -> dict[str, Any]:
    description = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        license_info=app.license_info,
        servers=app.servers,
        routes=app.routes,
    )
    schemas = description["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    body = ValidationErrorBody.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(
        body.pop("$defs"), ErrorBody=ErrorBody.model_json_schema(), ValidationErrorBody=body
    )
    for path, operations in description["paths"].items():
        if not path.startswith("/health/"):
            for operation in operations.values():
                _name_schemas(operation, schemas)
                _complete(operation)
        for operation in operations.values():
            operation.setdefault("security", [])
    return description


def _name_schemas(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the `$defs` of a request body that a route describes itself to the components."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schemas.update(media["schema"].pop("$defs", {}))


def _sign_in_at(token_url: str, description: dict[str, Any]) -> None:
    for scheme in description["components"].get("securitySchemes", {}).values():
        if "password" in scheme.get("flows", {}):
            scheme["flows"]["password"]["tokenUrl"] = token_url


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "422" in responses:  # the framework adds it where there is input
        responses["422"] = _VALIDATION_ERROR
    if "requestBody" in operation:
        _add(responses, BadRequest)
        _add(responses, BodyTooLarge)
        _add(responses, UnsupportedMediaType)
    _add(responses, DatabaseUnavailable)


def _add(responses: dict[str, Any], error: type[ApiError]) -> None:
    """Add an error to those that are described under its status already."""
    new = error_responses(error)[error.status]
    known = responses.setdefault(str(error.status), {"description": ""})
    if new["description"] not in known["description"]:
        known["description"] = " / ".join(filter(None, (known["description"], new["description"])))
    if "headers" in new:
        known["headers"] = {**new["headers"], **known.get("headers", {})}
    media = known.setdefault("content", {}).setdefault(
        "application/json", {"schema": {"$ref": "#/components/schemas/ErrorBody"}}
    )
    media.setdefault("examples", {}).update(new["content"]["application/json"]["examples"])
