"""What the bodies of requests accept, and which fields a PATCH changes."""

import pytest
from pydantic import BaseModel, ValidationError

from app import schemas
from app.schemas import AdminPatch, OwnUser, ProfilePatch, PublicUser, UserCreate
from chassis.web.schemas import Body


class TestPatch:
    def test_patch_contains_only_the_fields_that_were_sent(self) -> None:
        assert ProfilePatch.model_validate({}).sent() == {}
        assert ProfilePatch.model_validate({"name": " Ada "}).sent() == {"name": "Ada"}
        sent = {"is_active": False, "role": "user"}
        assert AdminPatch.model_validate(sent).sent() == sent

    @pytest.mark.parametrize("patch", [ProfilePatch, AdminPatch])
    def test_patch_refuses_null(self, patch: type[BaseModel]) -> None:
        for field in patch.model_fields:
            with pytest.raises(ValidationError):
                patch.model_validate({field: None})


class TestBodies:
    def test_bodies_refuse_unknown_fields(self) -> None:
        bodies = Body.__subclasses__()
        assert UserCreate in bodies
        assert {body.model_config.get("extra") for body in bodies} == {"forbid"}

    def test_password_length_is_measured_in_characters(self) -> None:
        with pytest.raises(ValidationError, match="at least 8 characters"):
            UserCreate(email="ada@example.com", name="Ada", password="🎉" * 7)


class TestViews:
    @pytest.mark.parametrize("view", [OwnUser, PublicUser, schemas.TokenPair, schemas.KeySet])
    def test_views_always_have_every_field(self, view: type[BaseModel]) -> None:
        assert all(field.is_required() for field in view.model_fields.values())
