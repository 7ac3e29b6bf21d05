import pytest
from pydantic import ValidationError
from tests.example.app import UNUSED

from chassis.events.outbox.settings import PublisherSettings


def settings(subscribers: str) -> PublisherSettings:
    return PublisherSettings.model_validate(
        {"database_url": UNUSED, "events_subscribers": subscribers, "environment": "development"}
    )


def test_subscribers_are_names_and_urls() -> None:
    one, other = settings(
        "one=http://one.test/events/?a=b, other = https://other.test/"
    ).events_subscribers
    assert (one.name, str(one.url), one.audience) == (
        "one",
        "http://one.test/events/?a=b",
        "one-events",
    )
    assert (other.name, str(other.url)) == ("other", "https://other.test/")


def test_subscribers_may_be_none() -> None:
    assert settings("").events_subscribers == ()


@pytest.mark.parametrize(
    "wrong",
    [
        "http://one.test/",
        "one",
        "=http://one.test/",
        "One=http://one.test/",
        "one=nowhere",
        "one=http://one.test/,one=http://two.test/",
        f"{'x' * 64}=http://one.test/",
    ],
)
def test_subscribers_that_are_malformed_are_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        settings(wrong)
