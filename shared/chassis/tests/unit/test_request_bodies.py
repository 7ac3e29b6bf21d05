"""`Body` and `may_be_absent`: what the request bodies of all services have in common."""

import pytest
from pydantic import ValidationError

from chassis.web.schemas import Body, may_be_absent


class NotePatch(Body):
    title: str = may_be_absent()
    text: str | None = may_be_absent(description="Null removes it.")


def test_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        NotePatch.model_validate({"titel": "x"})
    assert [(e["type"], e["loc"]) for e in caught.value.errors()] == [
        ("extra_forbidden", ("titel",))
    ]


@pytest.mark.parametrize("sent", [{}, {"title": "x"}, {"text": None}, {"title": "x", "text": "y"}])
def test_sent_has_the_fields_of_the_request(sent: dict[str, object]) -> None:
    assert NotePatch.model_validate(sent).sent() == sent


def test_absent_field_is_allowed_and_null_is_not() -> None:
    with pytest.raises(ValidationError) as caught:
        NotePatch.model_validate({"title": None, "text": None})
    assert [e["loc"] for e in caught.value.errors()] == [("title",)]


def test_published_schema_has_no_defaults() -> None:
    schema = NotePatch.model_json_schema()
    assert "required" not in schema
    assert all("default" not in field for field in schema["properties"].values())
