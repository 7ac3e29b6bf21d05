"""A service's settings in its tests."""

from typing import Any

from pydantic import SecretStr

from chassis.ops.settings import DatabaseSettings, SettingsT


def settings_for_tests(settings_class: type[SettingsT], **values: Any) -> SettingsT:
    """The settings of a service in development. Its database URL can't be opened: use the fixture `database`."""
    if issubclass(settings_class, DatabaseSettings):
        values = {"database_url": SecretStr("sqlite:////dev/null/test.db"), **values}
    return settings_class(environment="development", **values)
