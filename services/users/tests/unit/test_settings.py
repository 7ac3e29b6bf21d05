"""Settings: defaults, and what production refuses."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import UsersSettings
from chassis.ops.settings import SettingsError, load_settings

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "database_url": SecretStr("sqlite:///users.db"),
    "signing_key_passphrase": SecretStr("a passphrase of some length"),
    "token_audiences": ("users", "shop"),
}


def production(**changes: Any) -> UsersSettings:
    return UsersSettings(**{**PRODUCTION, **changes})


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in UsersSettings.model_fields:
        monkeypatch.delenv(f"USERS_{name.upper()}", raising=False)


class TestDefaults:
    def test_access_tokens_expire_after_15_minutes_by_default(self) -> None:
        assert production().access_token_seconds == 15 * 60

    def test_development_needs_no_other_setting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("USERS_ENVIRONMENT", "development")
        settings = UsersSettings()
        assert settings.database_url.get_secret_value() == "sqlite:///data/users.db"
        assert settings.port == 8001
        assert settings.token_audiences == ("users",)


class TestTokenAudiences:
    def test_token_audiences_are_separated_by_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("USERS_ENVIRONMENT", "development")
        monkeypatch.setenv("USERS_TOKEN_AUDIENCES", "users, shop ,stock")
        assert load_settings(UsersSettings).token_audiences == ("users", "shop", "stock")

    def test_token_audiences_without_this_service_are_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("USERS_ENVIRONMENT", "development")
        monkeypatch.setenv("USERS_TOKEN_AUDIENCES", "shop")
        with pytest.raises(SettingsError, match="USERS_TOKEN_AUDIENCES must include `users`"):
            load_settings(UsersSettings)

    def test_token_audiences_are_required_in_production(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("USERS_DATABASE_URL", "sqlite:///users.db")
        with pytest.raises(SettingsError, match="USERS_TOKEN_AUDIENCES is required"):
            load_settings(UsersSettings)


class TestProduction:
    def test_production_needs_a_passphrase(self) -> None:
        with pytest.raises(ValidationError, match="USERS_SIGNING_KEY_PASSPHRASE is required"):
            production(signing_key_passphrase=None)

    @pytest.mark.parametrize(
        "cheap", [{"password_memory_kib": 19 * 1024 - 1}, {"password_time_cost": 1}], ids=str
    )
    def test_production_refuses_cheap_password_hashes(self, cheap: dict[str, int]) -> None:
        with pytest.raises(ValidationError, match="USERS_PASSWORD_MEMORY_KIB must be at least"):
            production(**cheap)

    def test_production_accepts_the_minimum_of_owasp(self) -> None:
        least = {"password_memory_kib": 19 * 1024, "password_time_cost": 2}
        assert production(**least).password_time_cost == 2

    @pytest.mark.parametrize(
        "wrong",
        [
            {"access_token_seconds": 901},
            {"refresh_token_days": 0},
            {"jwks_max_age_seconds": -1},
            {"password_concurrency": 0},
            {"signing_key_passphrase": SecretStr("p" * 15)},
        ],
        ids=str,
    )
    def test_production_refuses_values_out_of_range(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            production(**wrong)


class TestSubscribers:
    def test_subscribers_are_read_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("USERS_EVENTS_SUBSCRIBERS", "items=https://items:8002/events/")
        (subscriber,) = production().events_subscribers
        assert (subscriber.name, str(subscriber.url)) == ("items", "https://items:8002/events/")

    @pytest.mark.parametrize(
        ("subscriber", "encrypted"),
        [("items=http://items:8002/events/", "https"), ("broker=nats://users@nats", "tls")],
    )
    def test_unencrypted_subscriber_needs_a_trusted_network(
        self, subscriber: str, encrypted: str
    ) -> None:
        given = {"events_subscribers": subscriber}
        with pytest.raises(ValidationError, match=f"USERS_EVENTS_SUBSCRIBERS must be {encrypted}:"):
            production(**given)
        assert production(**given, trusted_network=True).events_subscribers


class TestMail:
    @pytest.mark.parametrize(
        "url",
        ["smtps://mail.example.com", "smtp://ada:p%40ss@mail.example.com:587", "smtp+plain://mail"],
    )
    def test_mail_server_is_a_url(self, url: str) -> None:
        given = {"mail_sender": "no-reply@example.com", "mail_links_url": "https://app.example.com"}
        assert production(mail_url=SecretStr(url), **given).mail_url == SecretStr(url)

    @pytest.mark.parametrize("url", ["mail.example.com", "http://mail", "smtp://", "smtp://a@b/c"])
    def test_other_mail_server_is_refused_and_not_repeated(self, url: str) -> None:
        with pytest.raises(ValidationError, match=r"must be a URL such as smtp://") as caught:
            production(mail_url=SecretStr(url))
        assert "input_value=SecretStr" in str(caught.value)

    def test_mail_server_needs_a_sender_and_a_front_end(self) -> None:
        with pytest.raises(ValidationError, match="USERS_MAIL_LINKS_URL are required"):
            production(mail_url=SecretStr("smtps://mail.example.com"), mail_sender="a@example.com")
