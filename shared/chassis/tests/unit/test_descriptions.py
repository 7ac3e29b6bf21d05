"""What routes add to the API description themselves."""

from fastapi.routing import APIRoute

from chassis.web.descriptions import header, links, operation_id


async def read_note() -> None: ...


def test_an_operation_is_named_by_its_tag_and_its_function() -> None:
    assert operation_id(APIRoute("/{id}", read_note, tags=["notes", "x"])) == "notes-read_note"


def test_an_operation_without_a_tag_is_named_by_its_function() -> None:
    assert operation_id(APIRoute("/{id}", read_note)) == "read_note"


def test_a_header_is_promised() -> None:
    assert header("Why.") == {
        "description": "Why.",
        "required": True,
        "schema": {"type": "string"},
    }


def test_links_to_several_operations_share_what_they_are_told() -> None:
    told = {"note_id": "$response.body#/id"}
    assert links("notes-read_note", "notes-delete_note", parameters=told) == {
        "notes-read_note": {"operationId": "notes-read_note", "parameters": told},
        "notes-delete_note": {"operationId": "notes-delete_note", "parameters": told},
    }


def test_a_link_may_tell_a_body() -> None:
    body = {"token": "$response.body#/token"}
    assert links("auth-refresh", body=body) == {
        "auth-refresh": {"operationId": "auth-refresh", "requestBody": body}
    }
