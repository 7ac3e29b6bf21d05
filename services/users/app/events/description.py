"""The AsyncAPI description of the events that users publishes: contracts/asyncapi/users.json."""

from typing import get_args

from pydantic import JsonValue

from app.events.key_events import KeysData
from app.events.user_events import EventType, UserData
from chassis.events.asyncapi import describe_events


def asyncapi() -> dict[str, JsonValue]:
    data = dict.fromkeys(get_args(EventType), UserData)
    return describe_events("users", {**data, "keys.revoked": KeysData})
