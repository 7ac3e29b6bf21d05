"""`tests/helpers.py`: the assertions fail when they must."""

import httpx
import pytest

from tests.helpers import assert_user_response

USER = {
    "id": 1,
    "email": "ada@example.com",
    "name": "Ada",
    "role": "user",
    "is_active": True,
    "created_at": "2026-11-23T09:30:00Z",
}


def response(body: dict[str, object], status: int = 200) -> httpx.Response:
    request = httpx.Request("GET", "http://testserver/users/me")
    return httpx.Response(status, json=body, request=request)


class TestAssertUserResponse:
    def test_parsed_body_is_returned(self) -> None:
        assert assert_user_response(response(USER), email="ada@example.com") == USER

    def test_unpublished_field_fails(self) -> None:
        with pytest.raises(AssertionError, match="password_hash"):
            assert_user_response(response({**USER, "password_hash": "$argon2id$"}))

    def test_missing_field_fails(self) -> None:
        with pytest.raises(AssertionError, match=r"ada@example\.com"):
            assert_user_response(response({k: v for k, v in USER.items() if k != "role"}))

    def test_another_email_fails(self) -> None:
        with pytest.raises(AssertionError, match=r"ada@example\.com"):
            assert_user_response(response(USER), email="b@example.com")

    def test_another_status_fails(self) -> None:
        with pytest.raises(AssertionError, match="status is 201, expected 200"):
            assert_user_response(response(USER, 201))
