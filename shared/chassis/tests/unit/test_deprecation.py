"""The API description and each response mark what is deprecated."""

from datetime import date

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field

from chassis.web.deprecation import Deprecation

OLD = Deprecation(since=date(2023, 6, 30), sunset=date(2027, 1, 31))


class Note(BaseModel):
    text: str
    body: str = Field("", json_schema_extra=OLD.field)


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/old", **OLD.route)
    async def old() -> Note:
        return Note(text="x")

    return app


async def test_response_of_a_deprecated_route_has_both_headers(app: FastAPI) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/old")
    assert response.status_code == 200
    assert response.headers["Deprecation"] == "@1688083200"  # RFC 9745, section 2.1
    assert response.headers["Sunset"] == "Sun, 31 Jan 2027 00:00:00 GMT"  # RFC 8594, section 3


def test_description_marks_the_route_and_the_field(app: FastAPI) -> None:
    description = app.openapi()
    operation = description["paths"]["/old"]["get"]
    assert (operation["deprecated"], operation["x-sunset"]) == (True, "2027-01-31")
    field = description["components"]["schemas"]["Note"]["properties"]["body"]
    assert (field["deprecated"], field["x-sunset"]) == (True, "2027-01-31")
