"""The SDKs of CloudEvents for JavaScript and Python send events to items, and JavaScript's receives those of users."""
# needs: users, items

import json
import subprocess
from collections.abc import Callable

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from service_testing.assertions import assert_status
from tests.e2e.clients import NewUser
from tests.e2e.stack import Stack, wait_for
from tests.e2e.third_party.conftest import RunNode

_TOKEN = """
import asyncio
from app.main import token_issuer
from app.settings import UsersSettings
from chassis.db.database import Database
from chassis.ops.settings import load_settings

settings = load_settings(UsersSettings)
issuer = token_issuer(Database(settings.database_url.get_secret_value()), settings)
print(asyncio.run(issuer.for_delivery("items-events")).access_token)
"""


@pytest.fixture(scope="module")
def token(running_stack: Stack) -> str:
    """A token of a delivery to items."""
    return running_stack.users.python(_TOKEN).strip()


def test_events_of_the_sdk_are_received_in_both_modes(
    stack: Stack, node: RunNode, new_user: NewUser, token: str
) -> None:
    owner = new_user()
    item = owner.items.post("/items/", json={"name": "Kettle", "price": 1}).json()
    data = {"id": owner.id, "name": "Renamed", "is_active": True, "version": 9}
    event = {"source": "/users", "type": "user.updated", "subject": str(owner.id), "data": data}
    sent = node("events.mjs", f"{stack.items.url}/events/", token, json.dumps(event))
    assert sent.split() == ["204", "204"]
    wait_for(
        lambda: owner.items.get(f"/items/{item['id']}").json()["owner"]["name"] == "Renamed",
        "the new name",
    )


@pytest.mark.parametrize("to_request", [to_binary, to_structured])
def test_events_of_the_python_sdk_are_received(
    new_user: NewUser, token: str, to_request: Callable[..., HTTPMessage]
) -> None:
    owner = new_user()
    data = {"id": owner.id, "name": "Renamed", "is_active": True, "version": 9}
    attributes = {"source": "/users", "type": "user.updated", "subject": str(owner.id)}
    message = to_request(CloudEvent(attributes, data), JSONFormat())
    headers = {**message.headers, "Authorization": f"Bearer {token}"}
    response = owner.items.post("/events/", content=message.body, headers=headers)
    assert_status(response, 204)


def test_events_of_users_are_understood_by_the_sdk(
    new_user: NewUser, event_receiver: "subprocess.Popen[str]"
) -> None:
    user = new_user()
    assert event_receiver.stdout is not None
    received = map(json.loads, event_receiver.stdout)
    event = next(each for each in received if each["subject"] == str(user.id))
    assert (event["specversion"], event["source"], event["type"]) == (
        "1.0",
        "/users",
        "user.created",
    )
    assert event["datacontenttype"] == "application/json"
    assert (event["data"]["id"], event["data"]["name"]) == (user.id, user.data["name"])
