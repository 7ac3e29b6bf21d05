"""Secrets from files, as container platforms hand them over: `NOTES_DATABASE_URL_FILE=/run/secrets/url`."""

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource


class UnreadableSecret(Exception):
    """A variable names a file that can't be read. The text names the variable."""


class SecretFiles(PydanticBaseSettingsSource):
    """For each secret, the content of the file that its variable with `_FILE` behind it names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        if SecretStr not in (field.annotation, *get_args(field.annotation)):
            return None, field_name, False
        variable = f"{self.config.get('env_prefix', '')}{field_name}_FILE".upper()
        path = os.environ.get(variable)
        return (_content(variable, path) if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def _content(variable: str, path: str) -> str:
    try:
        # Editors and `echo` end a file with a line feed, which belongs to no secret.
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableSecret(
            f"{variable} names a file that can't be read ({type(error).__name__})."
        ) from None
