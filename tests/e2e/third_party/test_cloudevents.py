"""The JavaScript SDK of CloudEvents sends events to items, and receives those of users."""

import json
import subprocess

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


def test_events_of_the_sdk_are_received_in_both_modes(
    stack: Stack, node: RunNode, new_user: NewUser
) -> None:
    owner = new_user()
    item = owner.items.post("/items/", json={"name": "Kettle", "price": 1}).json()
    data = {"id": owner.id, "name": "Renamed", "is_active": True, "version": 9}
    event = {"source": "/users", "type": "user.updated", "subject": str(owner.id), "data": data}
    token = stack.users.python(_TOKEN).strip()
    sent = node("events.mjs", f"{stack.items.url}/events/", token, json.dumps(event))
    assert sent.split() == ["204", "204"]
    wait_for(
        lambda: owner.items.get(f"/items/{item['id']}").json()["owner"]["name"] == "Renamed",
        "the new name",
    )


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
