"""What the request bodies of all services have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """A JSON body of a public route: an unknown field is a mistake, not noise."""

    model_config = ConfigDict(extra="forbid")

    def sent(self) -> dict[str, Any]:
        """The fields that were sent, as validated: what a PATCH is about."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def may_be_absent(**options: Any) -> Any:
    """A field that a PATCH may leave out, but not set to null unless its type says so."""
    return Field(default_factory=lambda: None, **options)
