"""The settings, read from the environment."""

import pytest

from app.settings import ItemsSettings
from chassis.ops.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def environment(clean_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return clean_environment


def test_settings_in_development_have_defaults(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ITEMS_ENVIRONMENT", "development")
    settings = load_settings(ItemsSettings)
    assert settings.port == 8002
    assert settings.users_url == "http://127.0.0.1:8001"
    assert settings.database_url.get_secret_value() == "sqlite:///data/items.db"


def test_settings_in_production_are_read_from_the_environment(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("ITEMS_DATABASE_URL", "postgresql://items:hunter2@db/items")
    environment.setenv("ITEMS_USERS_URL", "https://users:8001/")
    environment.setenv("ITEMS_USERS_PUBLIC_URL", "https://shop.example/")
    environment.setenv("ITEMS_USERS_CLIENT_SECRET", "hunter3")
    settings = load_settings(ItemsSettings)
    assert settings.users_url == "https://users:8001"
    assert settings.users_public_url == "https://shop.example"
    assert settings.users_client_secret is not None
    assert settings.users_client_secret.get_secret_value() == "hunter3"
    assert "hunter" not in repr(settings)


def test_users_over_http_needs_a_trusted_network(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ITEMS_DATABASE_URL", "postgresql://items@db/items")
    environment.setenv("ITEMS_USERS_URL", "http://users:8001")
    with pytest.raises(SettingsError, match=r"^ITEMS_USERS_URL must be https://, or set ITEMS_TR"):
        load_settings(ItemsSettings)
    environment.setenv("ITEMS_TRUSTED_NETWORK", "true")
    assert load_settings(ItemsSettings).users_url == "http://users:8001"


@pytest.mark.parametrize("variable", ["ITEMS_USERS_URL", "ITEMS_USERS_PUBLIC_URL"])
@pytest.mark.parametrize("url", ["users:8001", "ftp://users", "hunter2"])
def test_settings_refuse_an_invalid_url_without_repeating_it(
    environment: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    environment.setenv("ITEMS_ENVIRONMENT", "development")
    environment.setenv(variable, url)
    with pytest.raises(SettingsError) as caught:
        load_settings(ItemsSettings)
    sentence = str(caught.value)
    assert sentence.startswith(f"{variable} must be a URL")
    assert "\n" not in sentence
    assert url not in sentence.removesuffix("such as http://users:8001.")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ITEMS_USERS_DEADLINE_SECONDS", "0"),
        ("ITEMS_USERS_ATTEMPTS", "11"),
        ("ITEMS_PORT", "65536"),
    ],
)
def test_settings_refuse_a_number_out_of_range(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv("ITEMS_ENVIRONMENT", "development")
    environment.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable} "):
        load_settings(ItemsSettings)
