"""`Body` and `may_be_absent`: what the request bodies of all services have in common."""

import pytest
from pydantic import ValidationError

from chassis.web.schemas import Body, may_be_absent


class NotePatch(Body):
    title: str = may_be_absent()
    text: str | None = may_be_absent(description="Null takes it away.")


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        NotePatch.model_validate({"titel": "x"})
    assert [(e["type"], e["loc"]) for e in caught.value.errors()] == [
        ("extra_forbidden", ("titel",))
    ]


@pytest.mark.parametrize("sent", [{}, {"title": "x"}, {"text": None}, {"title": "x", "text": "y"}])
def test_a_patch_tells_which_fields_were_sent(sent: dict[str, object]) -> None:
    assert NotePatch.model_validate(sent).sent() == sent


def test_a_field_that_may_be_absent_may_not_be_null_unless_its_type_says_so() -> None:
    with pytest.raises(ValidationError) as caught:
        NotePatch.model_validate({"title": None, "text": None})
    assert [e["loc"] for e in caught.value.errors()] == [("title",)]


def test_the_published_schema_shows_no_default() -> None:
    schema = NotePatch.model_json_schema()
    assert "required" not in schema
    assert all("default" not in field for field in schema["properties"].values())
