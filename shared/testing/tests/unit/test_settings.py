"""Settings for tests never name a real database."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.ops.settings import DatabaseSettings, ServiceSettings
from service_testing.settings import settings_for_tests


class NotesSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")

    size: int = 1


def test_settings_for_tests_name_a_database_that_cannot_be_opened() -> None:
    settings = settings_for_tests(NotesSettings)
    assert settings.environment == "development"
    assert settings.database_url.get_secret_value().startswith("sqlite:////dev/null/")


def test_settings_for_tests_accept_other_values() -> None:
    url = SecretStr("sqlite:///test_notes.db")
    settings = settings_for_tests(NotesSettings, size=2, database_url=url)
    assert (settings.size, settings.database_url) == (2, url)


def test_settings_for_tests_of_a_service_without_a_database_name_none() -> None:
    settings = settings_for_tests(ServiceSettings, port=1)
    assert (settings.environment, settings.port) == ("development", 1)
    assert "database_url" not in settings.model_dump()
