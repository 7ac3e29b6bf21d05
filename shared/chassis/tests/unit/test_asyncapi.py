from pydantic import BaseModel, Field

from chassis.events.asyncapi import describe_events


class NoteData(BaseModel):
    id: int = Field(ge=1)


class NoData(BaseModel):
    pass


def test_each_type_of_event_is_a_message_with_its_data() -> None:
    document = describe_events(
        "notes", {"note.created": NoteData, "note.deleted": NoteData, "all.gone": NoData}
    )
    channel, messages = document["channels"]["events"], document["components"]["messages"]
    assert channel["address"] == "notes.{subject}"
    assert channel["messages"].keys() == messages.keys()
    properties = messages["note.deleted"]["payload"]["properties"]
    assert properties["type"]["const"] == "note.deleted"
    assert properties["source"]["const"] == "/notes"
    assert properties["data"] == {"$ref": "#/components/schemas/NoteData"}
    assert document["components"]["schemas"]["NoteData"]["properties"]["id"]["minimum"] == 1


def test_description_names_both_transports() -> None:
    text = describe_events("notes", {})["info"]["description"]
    assert "the stream `notes`" in text
    assert "Over HTTP" in text
