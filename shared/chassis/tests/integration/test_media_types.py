"""415 for a body of another media type, before anything reads it."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Form
from pydantic import BaseModel
from tests.example.app import client_of

from chassis.web.media_types import StrictRoute
from service_testing.assertions import assert_error_response, assert_validation_error

router = APIRouter(route_class=StrictRoute)
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


class Note(BaseModel):
    title: str


@router.post("/json")
async def create_note(body: Note) -> str:
    return body.title


@router.post("/optional")
async def create_perhaps(body: Note | None = None) -> str:
    return body.title if body else "none"


@router.post("/form")
async def submit_note(body: Annotated[Note, Form()]) -> str:
    return body.title


@router.post("/fields")
async def submit_fields(title: Annotated[str, Form()]) -> str:
    return title


@router.post("/nothing")
async def press() -> str:
    return "pressed"


CLIENT = client_of(router)


async def post(path: str, content: bytes, media_type: str | None) -> httpx.Response:
    headers = {} if media_type is None else {"Content-Type": media_type}
    return await CLIENT.post(path, content=content, headers=headers)


def assert_refused(response: httpx.Response, wanted: str) -> None:
    body = assert_error_response(response, 415, "unsupported_media_type")
    assert body["detail"] == f"Send the body as {wanted}."


class TestJson:
    @pytest.mark.parametrize(
        "media_type",
        [
            "Application/JSON",
            "application/json; charset=utf-8",
            " application/json ",
            "application/vnd.notes+json",
        ],
    )
    async def test_json_is_accepted(self, media_type: str) -> None:
        response = await post("/json", b'{"title": "a"}', media_type)
        assert (response.status_code, response.json()) == (200, "a")

    @pytest.mark.parametrize(
        "media_type",
        [None, "", "text/json", "json", "application/jsonp", "text/x+json", MULTIPART, FORM],
    )
    async def test_other_body_is_refused(self, media_type: str | None) -> None:
        assert_refused(await post("/json", b'{"title": 1}', media_type), "application/json")

    @pytest.mark.parametrize("media_type", [None, "application/json", "text/plain"])
    async def test_missing_body_is_a_422(self, media_type: str | None) -> None:
        assert_validation_error(await post("/json", b"", media_type), ["body"])

    async def test_optional_body_needs_no_media_type(self) -> None:
        assert (await post("/optional", b"", None)).json() == "none"
        assert (await post("/optional", b'{"title": "a"}', "text/plain")).status_code == 415


@pytest.mark.parametrize("path", ["/form", "/fields"])
class TestForm:
    @pytest.mark.parametrize("media_type", [FORM, FORM.upper(), f"{FORM}; charset=utf-8"])
    async def test_form_is_accepted(self, path: str, media_type: str) -> None:
        response = await post(path, b"title=a+b%C3%A9&scope=all", media_type)
        assert (response.status_code, response.json()) == (200, "a bé")

    @pytest.mark.parametrize("media_type", [None, "text/plain", "application/json", MULTIPART])
    async def test_other_body_is_refused(self, path: str, media_type: str | None) -> None:
        assert_refused(await post(path, b"title=a", media_type), FORM)

    @pytest.mark.parametrize("media_type", [None, FORM, "text/plain"])
    async def test_missing_body_lacks_its_fields(self, path: str, media_type: str | None) -> None:
        assert_validation_error(await post(path, b"", media_type), ["body", "title"])

    @pytest.mark.parametrize(
        "content", [b"title=%ff%zz&&&==", b"title=%00", b"title=" + b"&a=1" * 2000]
    )
    async def test_malformed_form_is_no_500(self, path: str, content: bytes) -> None:
        assert (await post(path, content, FORM)).status_code in (200, 400, 422)


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/json"])
async def test_route_without_a_body_accepts_any(media_type: str | None) -> None:
    assert (await post("/nothing", b"whatever", media_type)).json() == "pressed"
