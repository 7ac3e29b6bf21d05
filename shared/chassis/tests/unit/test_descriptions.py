"""What routes add to the API description themselves."""

from fastapi.routing import APIRoute

from chassis.web.descriptions import operation_id


async def read_note() -> None: ...


def test_operation_is_named_by_its_tag_and_its_function() -> None:
    assert operation_id(APIRoute("/{id}", read_note, tags=["notes", "x"])) == "notes_read_note"


def test_operation_without_a_tag_is_named_by_its_function() -> None:
    assert operation_id(APIRoute("/{id}", read_note)) == "read_note"
