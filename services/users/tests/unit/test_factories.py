"""`tests/factories.py`: unique, valid and repeatable data."""

import json

import pytest
from pydantic import ValidationError

from app.schemas import UserCreate
from tests.factories import create_user_data


class TestCreateUserData:
    def test_data_can_be_sent_as_json(self) -> None:
        data = create_user_data()
        assert json.loads(json.dumps(data)) == data

    def test_data_is_valid_and_stored_as_sent(self) -> None:
        for _ in range(200):
            data = create_user_data()
            assert UserCreate.model_validate(data).model_dump() == data

    def test_emails_are_unique(self) -> None:
        assert len({create_user_data()["email"] for _ in range(1000)}) == 1000

    def test_overrides_replace_the_defaults(self) -> None:
        assert create_user_data(name="Ada")["name"] == "Ada"

    def test_unknown_field_raises_type_error(self) -> None:
        with pytest.raises(TypeError, match="unknown fields: nmae"):
            create_user_data(nmae="Ada")  # type: ignore[call-arg]

    def test_wrong_type_is_refused_by_the_schema(self) -> None:
        with pytest.raises(ValidationError):
            UserCreate.model_validate({**create_user_data(), "name": 1})
