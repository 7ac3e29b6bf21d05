"""What is true of all bodies of requests, and of all views."""

import pytest
from pydantic import BaseModel

from app import schemas
from app.schemas import OwnUser, PublicUser, UserCreate
from chassis.web.schemas import Body


class TestBodies:
    def test_bodies_refuse_unknown_fields(self) -> None:
        bodies = Body.__subclasses__()
        assert UserCreate in bodies
        assert {body.model_config.get("extra") for body in bodies} == {"forbid"}


class TestViews:
    @pytest.mark.parametrize("view", [OwnUser, PublicUser, schemas.TokenPair, schemas.KeySet])
    def test_views_always_have_every_field(self, view: type[BaseModel]) -> None:
        assert all(field.is_required() for field in view.model_fields.values())
