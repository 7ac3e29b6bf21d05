"""A hundred concurrent connections, and the data afterwards."""

import asyncio
from collections import Counter

import pytest
from sqlmodel import select

from app.models import User
from chassis.db.sessions import WriteSession
from service_testing.live_server import LiveServer
from tests.factories import create_user_data
from tests.helpers import assert_user_response


@pytest.mark.slow
async def test_a_hundred_concurrent_registrations_create_one_account_per_email(
    live_server: LiveServer, session: WriteSession
) -> None:
    people = [create_user_data() for _ in range(50)]
    async with live_server.client() as client:
        answers = await asyncio.gather(
            *(client.post("/users/", json=person) for person in (*people, *people))
        )
    assert Counter(answer.status_code for answer in answers) == {201: 50, 409: 50}
    made = [assert_user_response(a, status=201) for a in answers if a.status_code == 201]
    stored = {user.id: user.email for user in await session.exec(select(User))}
    assert stored == {body["id"]: body["email"] for body in made}
    assert sorted(stored.values()) == sorted(person["email"] for person in people)
