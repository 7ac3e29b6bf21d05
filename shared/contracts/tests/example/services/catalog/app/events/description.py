"""The events of the catalog, as AsyncAPI."""

from typing import Any

from pydantic import BaseModel


class NewBook(BaseModel):
    book_id: int
    title: str
    price_cents: int
    version: int = 1


class SoldOut(BaseModel):
    book_id: int


def message(event_type: str, data: type[BaseModel]) -> dict[str, Any]:
    kind, version = {"type": "string", "const": event_type}, {"type": "integer"}
    properties = {"type": kind, "version": version, "data": data.model_json_schema()}
    payload = {"type": "object", "properties": properties, "required": ["type", "data"]}
    return {"contentType": "application/json", "payload": payload}


def asyncapi() -> dict[str, Any]:
    messages = {
        "book.added": message("book.added", NewBook),
        "book.sold_out": message("book.sold_out", SoldOut),
    }
    info = {"title": "Events of the catalog", "version": "1"}
    return {"asyncapi": "3.0.0", "info": info, "components": {"messages": messages}}
