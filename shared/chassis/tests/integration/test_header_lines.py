"""Headers that a client may send in several lines."""

import httpx
import pytest
from fastapi import APIRouter, Request
from tests.example.app import client_of

router = APIRouter()


@router.get("/lines")
async def lines(request: Request) -> list[tuple[str, str]]:
    return [
        (name, value) for name, value in request.headers.items() if name.startswith(("if", "x-"))
    ]


async def sent(*headers: tuple[str, str]) -> list[list[str]]:
    response = await client_of(router).get("/lines", headers=httpx.Headers(list(headers)))
    answered: list[list[str]] = response.json()
    return answered


@pytest.mark.parametrize("name", ["if-match", "if-none-match"])
async def test_a_list_in_several_lines_comes_as_one(name: str) -> None:
    assert await sent((name, '"a"'), ("x-other", "1"), (name, '"b"'), (name, "")) == [
        ["x-other", "1"],
        [name, '"a", "b", '],
    ]


async def test_lists_of_two_names_stay_apart() -> None:
    assert await sent(("if-match", '"a"'), ("if-none-match", '"b"'), ("if-match", '"c"')) == [
        ["if-match", '"a", "c"'],
        ["if-none-match", '"b"'],
    ]


async def test_other_headers_keep_their_lines() -> None:
    assert await sent(("x-one", "1"), ("x-one", "2"), ("if-match", '"a"')) == [
        ["x-one", "1"],
        ["x-one", "2"],
        ["if-match", '"a"'],
    ]
