"""The price in `POST /items/`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import MAX_CENTS
from service_testing.assertions import assert_validation_error
from service_testing.client import AppClient
from service_testing.properties import examples
from tests.helpers import JSON, assert_item_response


def body_with(price: str) -> str:
    """A body with this JSON as its price."""
    return f'{{"name": "Lamp", "price": {price}}}'


class TestCreateItemPrice:
    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            *[("0", "0.00"), ("-0", "0.00"), ("-0.0", "0.00"), ("0.01", "0.01"), ("9.990", "9.99")],
            *[("1e2", "100.00"), ("5e-1", "0.50"), ("99999999.99", "99999999.99")],
            *[('"0"', "0.00"), ('"0.01"', "0.01"), ('"9.9"', "9.90"), ('"12"', "12.00")],
            ('"99999999.99"', "99999999.99"),
        ],
    )
    async def test_create_item_returns_the_price_with_two_decimal_places(
        self, user_client: AppClient, sent: str, shown: str
    ) -> None:
        response = await user_client.post("/items/", content=body_with(sent), headers=JSON)
        body = assert_item_response(response, status=201)
        assert body["price"] == shown
        stored = assert_item_response(await user_client.get(response.headers["Location"]))
        assert stored["price"] == shown

    @pytest.mark.parametrize(
        "sent",
        [
            *("-1", "-0.01", "0.001", "9.999", "100000000", "1e8", "1e-400", "1e400", "-1e400"),
            *("NaN", "Infinity", "-Infinity", "true", "false", "null", "[]", "{}", "1" * 4000),
            *('""', '" "', '" 9.99"', '"9.99 "', '"9.990"', '"1_000"', '"1,000"', '"\\u0663"'),
            *('"+1"', '"-1"', '"-0"', '"1e2"', '"NaN"', '"Infinity"', '"9."', '".5"', '"9.99\\n"'),
            *('"100000000"', '"99999999.999"', f'"{"1" * 5000}"', f'"0.{"0" * 5000}1"'),
        ],
        ids=lambda sent: sent[:20],
    )
    async def test_create_item_with_an_invalid_price_returns_422(
        self, user_client: AppClient, sent: str
    ) -> None:
        response = await user_client.post("/items/", content=body_with(sent), headers=JSON)
        assert_validation_error(response, ["body", "price"])
        assert (await user_client.get("/items/")).json()["total"] == 0

    async def test_create_item_without_a_price_returns_422(self, user_client: AppClient) -> None:
        response = await user_client.post("/items/", json={"name": "Lamp"})
        assert_validation_error(response, ["body", "price"])

    @settings(max_examples=examples(0.25))
    @given(cents=st.integers(0, MAX_CENTS), as_string=st.booleans())
    async def test_create_item_stores_every_price_exactly(
        self, user_client: AppClient, cents: int, as_string: bool
    ) -> None:
        price = f"{cents // 100}.{cents % 100:02}"
        sent = f'"{price}"' if as_string else price
        response = await user_client.post("/items/", content=body_with(sent), headers=JSON)
        assert assert_item_response(response, status=201)["price"] == price
        stored = assert_item_response(await user_client.get(response.headers["Location"]))
        assert stored["price"] == price
