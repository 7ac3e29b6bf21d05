"""422 and 400: the errors of a bad request, which don't repeat its values."""

import json

import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from tests.example.app import client_of

from chassis.web.fields import PathId, Text
from chassis.web.media_types import StrictRoute
from chassis.web.schemas import Body, may_be_absent
from service_testing.assertions import assert_error_response, assert_validation_error

router = APIRouter(route_class=StrictRoute)


class Account(BaseModel):
    name: Text
    password: str = ""
    balance: float = 0
    extra: dict[str, int] = {}


@router.post("/accounts/")
async def create_account(body: Account) -> Account:
    return body


class Note(Body):
    title: Text


@router.post("/notes/")
async def create_note(body: Note) -> Note:
    return body


class NotePart(Body):
    title: Text = may_be_absent()


class NotePatch(Body):
    title: Text = may_be_absent()
    part: NotePart | None = may_be_absent()


@router.patch("/notes/")
async def update_note(body: NotePatch) -> list[str]:
    return sorted(body.sent())


@router.get("/accounts/{account_id}")
async def read_account(account_id: PathId) -> int:
    return account_id


CLIENT = client_of(router)
JSON = {"Content-Type": "application/json"}


async def test_422_does_not_repeat_the_input() -> None:
    response = await CLIENT.post(
        "/accounts/", json={"name": ["hunter2"], "password": {"p": "hunter2"}}
    )
    assert_validation_error(response, ["body", "name"])
    assert_validation_error(response, ["body", "password"])
    assert "hunter2" not in response.text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
async def test_number_outside_of_json_is_a_422(number: str) -> None:
    content = f'{{"name": "a", "password": {number}}}'
    response = await CLIENT.post("/accounts/", content=content, headers=JSON)
    assert_validation_error(response, ["body", "password"])


@pytest.mark.parametrize("value", ["1.5", "-4818680359028060.0", "1", '"a"', "[]", "true"])
async def test_value_that_is_no_object_is_a_422(value: str) -> None:
    response = await CLIENT.patch("/notes/", content=value, headers=JSON)
    assert_validation_error(response, ["body"])
    part = f'{{"part": {value}}}'
    assert_validation_error(
        await CLIENT.patch("/notes/", content=part, headers=JSON), ["body", "part"]
    )


@pytest.mark.parametrize("count", [20, 21, 200])
async def test_a_422_lists_at_most_20_errors_in_16_kib(count: int) -> None:
    long_names = {f"{i}\0" + "🎉" * 1000: "x" for i in range(count)}
    response = await CLIENT.post("/accounts/", json={"name": "a", "extra": long_names})
    detail = assert_error_response(response, 422, "validation_error")["detail"]
    assert len(detail) == 20
    assert len(response.content) < 16 * 1024
    last = {"type": "too_many_errors", "loc": [], "msg": f"{count - 19} more errors"}
    assert (detail[-1] == last) == (count > 20)


async def test_many_unknown_fields_are_one_error() -> None:
    response = await CLIENT.post("/notes/", json={f"{i}": 0 for i in range(100_000)})
    (problem,) = assert_error_response(response, 422, "validation_error")["detail"]
    assert (problem["type"], problem["loc"]) == ("too_many_fields", ["body"])


async def test_lone_surrogate_in_a_key_is_a_422() -> None:
    content = rb'{"name": "a", "extra": {"\ud800": "x"}}'
    response = await CLIENT.post("/accounts/", content=content, headers=JSON)
    (problem,) = assert_error_response(response, 422, "validation_error")["detail"]
    assert problem["loc"][:2] == ["body", "extra"]


@pytest.mark.parametrize("name", ["\ud800", "a\0"])
async def test_text_that_no_database_stores_is_a_422(name: str) -> None:
    content = json.dumps({"name": name})
    response = await CLIENT.post("/accounts/", content=content, headers=JSON)
    assert_validation_error(response, ["body", "name"])


@pytest.mark.parametrize(
    "content", [b"{", b"{'name': 1}", b'{"name": }', b"\xef\xbb\xbf{}x", b"nul"]
)
async def test_malformed_json_is_a_422_with_its_position(content: bytes) -> None:
    response = await CLIENT.post("/accounts/", content=content, headers=JSON)
    body = assert_error_response(response, 422, "validation_error")
    (problem,) = body["detail"]
    assert problem["type"] == "json_invalid"
    assert problem["loc"][0] == "body"


@pytest.mark.parametrize("content", [b"null", b"[]", b"1", b'"name"', b"true"])
async def test_json_that_is_no_object_is_a_422(content: bytes) -> None:
    response = await CLIENT.post("/accounts/", content=content, headers=JSON)
    assert_validation_error(response, ["body"])


@pytest.mark.parametrize(
    "content",
    [b"\xff", b'{"name": "\xff"}', b"[" * 100_000, b'{"name": %s}' % (b"1" * 5000)],
    ids=["no UTF-8", "no UTF-8 in a text", "too deep", "too many digits"],
)
async def test_unreadable_body_is_a_400(content: bytes) -> None:
    response = await CLIENT.post("/accounts/", content=content, headers=JSON)
    assert_error_response(response, 400, "bad_request")


@pytest.mark.parametrize(
    "account_id",
    ["0", "-1", "+1", "1.0", "%201", "1_000", "%D9%A3", str(2**63), "9" * 30, "abc", "1e3"],
)
async def test_invalid_id_is_a_422(account_id: str) -> None:
    response = await CLIENT.get(f"/accounts/{account_id}")
    assert_validation_error(response, ["path", "account_id"])


async def test_largest_id_is_valid() -> None:
    assert (await CLIENT.get(f"/accounts/{2**63 - 1}")).json() == 2**63 - 1
