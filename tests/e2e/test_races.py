"""Many at once, on real connections."""

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx
from people import Person
from processes import Stack

from service_testing.assertions import assert_item_response
from service_testing.factories import create_item_data, create_user_data


async def test_of_200_registrations_of_one_email_exactly_one_succeeds(stack: Stack) -> None:
    email = create_user_data()["email"]
    spellings = (email, email.upper().replace("EXAMPLE.COM", "example.com"))
    async with _client(stack.users.url) as client:
        responses = await asyncio.gather(
            *(
                client.post("/users/", json=create_user_data(email=spellings[number % 2]))
                for number in range(200)
            )
        )
    assert Counter(response.status_code for response in responses) == {201: 1, 409: 199}


async def test_concurrent_edits_of_one_item_lose_nothing(
    stack: Stack, new_person: Callable[[], Person]
) -> None:
    seller = new_person()
    created = seller.items.post("/items/", json=create_item_data(price="0.00"))
    location = created.headers["Location"]
    async with _client(stack.items.url) as client:
        client.headers.update(seller.items.headers)

        async def add_one_cent() -> None:
            while True:
                now = await client.get(location)
                price = f"{float(now.json()['price']) + 0.01:.2f}"
                condition = {"If-Match": now.headers["ETag"]}
                edit = await client.patch(location, json={"price": price}, headers=condition)
                if edit.status_code == 200:
                    return
                assert edit.status_code == 412

        await asyncio.gather(*(add_one_cent() for _ in range(20)))
    assert assert_item_response(seller.items.get(location))["price"] == "0.20"


def _client(base_url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=50)
    return httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=60, limits=limits)
