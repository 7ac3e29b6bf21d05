import pytest
from pydantic import ValidationError
from tests.example.app import UNUSED

from chassis.events.consuming import ConsumerSettings


def settings(url: str | None, **others: object) -> ConsumerSettings:
    given = {"database_url": UNUSED, "events_url": url, "environment": "development", **others}
    return ConsumerSettings.model_validate(given)


def test_url_names_the_consumer_and_the_streams() -> None:
    found = settings("nats://reader@nats:4222/notes,remarks")
    assert (found.events_consumer, found.events_streams) == ("reader", ["notes", "remarks"])


def test_without_a_url_nothing_is_consumed() -> None:
    assert (settings(None).events_consumer, settings(None).events_streams) == ("", [])


@pytest.mark.parametrize(
    "wrong",
    [
        "nats://nats:4222/notes",
        "nats://reader@nats:4222",
        "nats://reader@nats/,",
        "nats://reader@/notes",
        "http://reader@nats/notes",
    ],
)
def test_url_without_one_of_them_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        settings(wrong)


def test_broker_without_encryption_needs_a_trusted_network() -> None:
    url, environment = "nats://reader@nats/notes", "production"
    with pytest.raises(ValidationError, match="EVENTS_URL must be tls://, or set TRUSTED_NETWORK"):
        settings(url, environment=environment)
    assert settings(url, environment=environment, trusted_network=True).events_url
    assert settings("tls://reader@nats/notes", environment=environment).events_url
