"""`/openapi.json`: every status that a route may have, and no other."""

import re
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Header, Query
from fastapi.security import HTTPBearer, OAuth2PasswordBearer
from pydantic import BaseModel
from tests.example.app import client_of, create_app
from tests.example.app import router as notes

from chassis.web.errors import (
    Conflict,
    DatabaseUnavailable,
    NotAuthenticated,
    NotFound,
    Unavailable,
    error_responses,
)
from chassis.web.idempotency import IdempotencyKeyReused


class Busy(Unavailable):
    code, sentence = "busy", "Try again shortly."


class TitleTaken(Conflict):
    code, sentence = "title_taken", "There is a note with this title."


class Note(BaseModel):
    title: str


async def described(router: APIRouter, **options: Any) -> dict[str, Any]:
    response = await client_of(router, **options).get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


async def responses_of(router: APIRouter, method: str = "get") -> dict[str, Any]:
    description = await described(router)
    responses: dict[str, Any] = description["paths"]["/"][method]["responses"]
    return responses


def examples(response: dict[str, Any]) -> set[str]:
    return set(response["content"]["application/json"]["examples"])


async def test_every_reference_is_defined() -> None:
    for router in (APIRouter(), notes, *(_reading(**options) for options in ROUTES)):
        description = await described(router)
        known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
        assert set(re.findall(r"#/components/[^']+", str(description))) <= known


def _reading(**options: Any) -> APIRouter:
    router = APIRouter()

    @router.get("/", **options)
    async def read(number: int = 1) -> Note:
        return Note(title=str(number))

    return router


ROUTES: list[dict[str, Any]] = [
    {},
    {"responses": error_responses(NotFound)},
    {"responses": {503: {"model": Note}}},
    {"responses": {503: {"description": "Not now."}}},
]


@pytest.mark.parametrize("options", ROUTES)
async def test_database_of_any_operation_may_be_unavailable(options: dict[str, Any]) -> None:
    responses = await responses_of(_reading(**options))
    assert "database_unavailable" in examples(responses["503"])


@pytest.mark.parametrize("options", [{}, {"responses": error_responses(Busy)}])
async def test_headers_of_an_added_error_are_described(options: dict[str, Any]) -> None:
    responses = await responses_of(_reading(**options))
    assert set(responses["503"]["headers"]) == {"Retry-After"}


async def test_error_is_added_to_those_of_its_status() -> None:
    responses = await responses_of(_reading(responses=error_responses(Busy)))
    assert examples(responses["503"]) == {"busy", "database_unavailable"}
    assert responses["503"]["description"] == "`busy` / `database_unavailable`"


async def test_error_that_a_route_names_itself_is_described_once() -> None:
    responses = await responses_of(_reading(responses=error_responses(DatabaseUnavailable)))
    assert responses["503"]["description"] == "`database_unavailable`"


async def test_operation_with_a_body_may_refuse_it() -> None:
    router = APIRouter()

    @router.post("/", responses=error_responses(NotAuthenticated, TitleTaken))
    async def create(body: Note) -> None: ...

    responses = await responses_of(router, "post")
    assert set(responses) == {"200", "400", "401", "409", "413", "415", "422", "503"}
    assert examples(responses["415"]) == {"unsupported_media_type"}
    assert set(await responses_of(_reading())) == {"200", "422", "503"}


async def test_outcome_of_an_operation_that_writes_may_be_unknown() -> None:
    router = APIRouter()

    @router.post("/")
    async def create() -> None: ...

    unavailable = (await responses_of(router, "post"))["503"]
    assert examples(unavailable) == {"database_unavailable", "outcome_unknown"}
    assert not unavailable["headers"]["Retry-After"]["required"]


async def test_operation_without_parameters_has_no_422() -> None:
    router = APIRouter()

    @router.get("/")
    async def read() -> None: ...

    assert "422" not in await responses_of(router)


async def test_422_is_described_as_it_is_sent() -> None:
    description = await described(_reading())
    responses = description["paths"]["/"]["get"]["responses"]
    assert responses["422"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ValidationErrorBody"
    }
    schemas = description["components"]["schemas"]
    assert set(schemas["FieldError"]["properties"]) == {"type", "loc", "msg"}
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)


async def test_422_of_a_route_is_described_next_to_the_validation_error() -> None:
    refused = (await responses_of(_reading(responses=error_responses(IdempotencyKeyReused))))["422"]
    assert refused["description"] == "`validation_error` / `idempotency_key_reused`"
    assert refused["content"]["application/json"]["schema"]["anyOf"] == [
        {"$ref": "#/components/schemas/ValidationErrorBody"},
        {"$ref": "#/components/schemas/ErrorBody"},
    ]


async def test_health_checks_have_only_their_own_statuses() -> None:
    description = await described(APIRouter())
    live = description["paths"]["/health/live"]["get"]["responses"]
    ready = description["paths"]["/health/ready"]["get"]["responses"]
    assert (set(live), set(ready)) == ({"200"}, {"200", "503"})
    assert "/metrics" not in description["paths"]
    assert "/docs" not in description["paths"]


async def test_parameter_that_may_be_absent_is_never_null() -> None:
    router = APIRouter()

    @router.get("/")
    async def read(
        text: Annotated[str | None, Query(max_length=3, title="Words")] = None,
        either: int | bool | None = None,
        name: Annotated[str | None, Header()] = None,
    ) -> None: ...

    (text, either, name) = (await described(router))["paths"]["/"]["get"]["parameters"]
    assert text["schema"] == {"type": "string", "maxLength": 3, "title": "Words"}
    assert either["schema"]["anyOf"] == [{"type": "integer"}, {"type": "boolean"}]
    assert name["schema"]["type"] == "string"


class TestForPeople:
    """The description of the docs page, `/openapi.json?people=true`."""

    @pytest.fixture
    async def description(self) -> dict[str, Any]:
        router = APIRouter()
        person = OAuth2PasswordBearer(tokenUrl="/auth/token", auto_error=False)
        service = HTTPBearer(scheme_name="Service", auto_error=False)

        async def act() -> None: ...

        def add(method: str, path: str, *schemes: Any, **options: Any) -> None:
            needed = [Depends(each) for each in schemes]
            router.add_api_route(
                path, act, methods=[method], name=method + path, dependencies=needed, **options
            )

        add("GET", "/both", person)
        add("POST", "/both", service)
        add("POST", "/service", service)
        add("POST", "/either", service, openapi_extra={"security": [{}]})
        add("POST", "/anyone")
        body = (await client_of(router).get("/openapi.json?people=true")).json()
        return dict(body)

    async def test_only_schemes_and_operations_of_people_are_left(
        self, description: dict[str, Any]
    ) -> None:
        assert list(description["components"]["securitySchemes"]) == ["OAuth2PasswordBearer"]
        security = {
            (method, path): operation["security"]
            for path, operations in description["paths"].items()
            for method, operation in operations.items()
            if not path.startswith("/health")
        }
        assert security == {
            ("get", "/both"): [{"OAuth2PasswordBearer": []}],
            ("post", "/either"): [{}],
            ("post", "/anyone"): [],
        }


@pytest.mark.parametrize(
    ("token_url", "described_url"),
    [
        (None, "auth/token"),
        ("https://accounts.example/auth/token", "https://accounts.example/auth/token"),
    ],
)
async def test_password_is_sent_to_the_token_url(token_url: str | None, described_url: str) -> None:
    router = APIRouter()
    password, key = OAuth2PasswordBearer(tokenUrl="auth/token"), HTTPBearer()

    @router.get("/")
    async def read(_: Annotated[str, Depends(password)], __: Annotated[str, Depends(key)]) -> None:
        """Takes both."""

    schemes = (await described(router, token_url=token_url))["components"]["securitySchemes"]
    assert schemes["OAuth2PasswordBearer"]["flows"]["password"]["tokenUrl"] == described_url
    assert schemes["HTTPBearer"] == {"type": "http", "scheme": "bearer"}


def test_committed_description_names_no_host() -> None:
    router = APIRouter()

    @router.get("/")
    async def read(_: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/token"))]) -> None: ...

    app = create_app(routers=(router,), token_url="http://127.0.0.1:8001/auth/token")
    assert "127.0.0.1" not in str(app.openapi())


async def test_token_url_needs_no_security_scheme() -> None:
    assert "securitySchemes" not in (await described(notes, token_url="/token"))["components"]
