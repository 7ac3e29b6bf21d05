"""The price in `POST /items/`, as JSON. `tests/unit/test_money.py` has the kinds of text."""

import pytest

from service_testing.assertions import assert_validation_error
from service_testing.client import AppClient
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
            *('""', '"9.990"', '"\\u0663"', '"9.99\\n"', f'"0.{"0" * 5000}1"'),
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
