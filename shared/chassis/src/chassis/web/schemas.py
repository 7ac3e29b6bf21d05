"""What the request bodies of all services have in common."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from chassis.web.errors import MAX_ERRORS


class Body(BaseModel):
    """A JSON body of a public route. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_object(cls, value: object) -> object:
        # FastAPI lets pydantic read attributes, and a fraction is an object that has some.
        if isinstance(value, Decimal):
            raise PydanticKnownError("model_attributes_type")
        # Otherwise pydantic makes an error of each one: a second of CPU for a body of 1 MiB.
        if isinstance(value, dict) and len(value) > len(cls.model_fields) + MAX_ERRORS:
            raise PydanticCustomError("too_many_fields", "Object has too many unknown fields")
        return value

    def sent(self) -> dict[str, Any]:
        """The fields that the request has, as validated, for a PATCH."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def may_be_absent(**options: Any) -> Any:
    """A field that a PATCH may leave out, but set to null only if its type allows None."""
    return Field(default_factory=lambda: None, **options)
