"""The API description: what every route may answer, added where it applies and nowhere else."""

from copy import deepcopy
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
    UnknownOutcome,
    UnsupportedMediaType,
    ValidationErrorBody,
    error_responses,
)

_ERROR = {"schema": {"$ref": "#/components/schemas/ErrorBody"}}
_VALIDATION_ERROR: dict[str, Any] = {
    "description": "`validation_error`",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/ValidationErrorBody"}}
    },
}


def install_openapi(app: FastAPI, token_url: str | None, *, is_published: bool) -> None:
    """Describe the app's own error bodies, and publish `/openapi.json`, where tokens come from `token_url`.

    With `?people=true`, for the docs page, it leaves out what only other services can call.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    if not is_published:
        return

    @app.get("/openapi.json", include_in_schema=False)
    async def read_description(people: bool = False) -> JSONResponse:
        description = deepcopy(openapi())
        if token_url is not None:
            _sign_in_at(token_url, description)
        return JSONResponse(_for_people(description) if people else description)


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
            for method, operation in operations.items():
                _name_schemas(operation, schemas)
                _complete(method, operation)
                for parameter in operation.get("parameters", ()):
                    _drop_null(parameter["schema"])
        for operation in operations.values():
            operation.setdefault("security", [])
    return description


def _name_schemas(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the `$defs` of a request body that a route describes itself to the components."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schemas.update(media["schema"].pop("$defs", {}))


def _drop_null(schema: dict[str, Any]) -> None:
    """A parameter is absent or has a value: nothing in a URL or a header is null."""
    variants = [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]
    if len(variants) == 1:
        schema.update({**variants[0], **schema})
    elif variants:
        schema["anyOf"] = variants


def _for_people(description: dict[str, Any]) -> dict[str, Any]:
    """Without the security schemes of services, and the operations that need one."""
    schemes = description["components"].get("securitySchemes", {})
    others = {name for name in schemes if "password" not in schemes[name].get("flows", {})}
    for name in others:
        del schemes[name]
    for operations in description["paths"].values():
        for method, operation in list(operations.items()):
            ways = [way for way in operation["security"] if not others & way.keys()]
            if operation["security"] and not ways:
                del operations[method]
            operation["security"] = ways
    return description


def _sign_in_at(token_url: str, description: dict[str, Any]) -> None:
    for scheme in description["components"].get("securitySchemes", {}).values():
        if "password" in scheme.get("flows", {}):
            scheme["flows"]["password"]["tokenUrl"] = token_url


def _complete(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if named := responses.get("422"):
        responses["422"] = _validation_error(named)
    if "requestBody" in operation:
        described = responses.get("400", {}).get("content", {}).get("application/json", _ERROR)
        if (
            described["schema"] == _ERROR["schema"]
        ):  # else the route refuses bodies in its own words
            _add(responses, BadRequest)
        _add(responses, BodyTooLarge)
        _add(responses, UnsupportedMediaType)
    _add(responses, DatabaseUnavailable)
    if method != "get":
        _add(responses, UnknownOutcome)
        responses["503"]["headers"]["Retry-After"]["required"] = False


def _validation_error(named: dict[str, Any]) -> dict[str, Any]:
    """Either the framework's own, where there is input, or in addition to the errors that a route names."""
    media = named["content"]["application/json"]
    if media["schema"] != _ERROR["schema"]:
        return _VALIDATION_ERROR
    either = [_VALIDATION_ERROR["content"]["application/json"]["schema"], media["schema"]]
    description = f"{_VALIDATION_ERROR['description']} / {named['description']}"
    content = {"application/json": {**media, "schema": {"anyOf": either}}}
    return {"description": description, "content": content}


def _add(responses: dict[str, Any], error: type[ApiError]) -> None:
    """Add an error to those that are described under its status already."""
    new = error_responses(error)[error.status]
    known = responses.setdefault(str(error.status), {"description": ""})
    if new["description"] not in known["description"]:
        known["description"] = " / ".join(filter(None, (known["description"], new["description"])))
    if "headers" in new:
        known["headers"] = {**new["headers"], **known.get("headers", {})}
    media = known.setdefault("content", {}).setdefault("application/json", dict(_ERROR))
    media.setdefault("examples", {}).update(new["content"]["application/json"]["examples"])
