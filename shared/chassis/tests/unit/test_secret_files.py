from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.ops.settings import ServiceSettings, SettingsError, load_settings


class NotesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")

    secret: SecretStr | None = None
    word: str = "none"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("NOTES_DATABASE_URL", "sqlite:///notes.db")
    return monkeypatch


def secret() -> str | None:
    read = load_settings(NotesSettings).secret
    return read.get_secret_value() if read else None


@pytest.mark.parametrize("content", ["hunter2", "hunter2\n", "hunter2\r\n"])
def test_a_secret_may_be_in_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    environment.setenv("NOTES_SECRET_FILE", str(tmp_path / "secret"))
    assert secret() == "hunter2"


def test_a_required_secret_may_be_in_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("NOTES_DATABASE_URL")
    (tmp_path / "url").write_text("sqlite:///other.db")
    environment.setenv("NOTES_DATABASE_URL_FILE", str(tmp_path / "url"))
    assert load_settings(NotesSettings).database_url.get_secret_value() == "sqlite:///other.db"


def test_the_variable_itself_is_taken_first(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    environment.setenv("NOTES_SECRET_FILE", str(tmp_path / "secret"))
    environment.setenv("NOTES_SECRET", "hunter3")
    assert secret() == "hunter3"


def test_an_empty_variable_names_no_file(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTES_SECRET_FILE", "")
    assert secret() is None


@pytest.mark.parametrize("name", ["gone", "folder", "binary"])
def test_a_file_that_can_not_be_read_is_told_by_its_variable(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff")
    environment.setenv("NOTES_SECRET_FILE", str(tmp_path / name))
    with pytest.raises(SettingsError, match=r"^NOTES_SECRET_FILE names a file"):
        load_settings(NotesSettings)


def test_what_is_no_secret_is_not_read_from_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "word").write_text("hunter2")
    environment.setenv("NOTES_WORD_FILE", str(tmp_path / "word"))
    assert load_settings(NotesSettings).word == "none"
