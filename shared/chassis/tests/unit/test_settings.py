from pathlib import Path
from typing import cast

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from sqlalchemy.pool import QueuePool

from chassis.ops.settings import DatabaseSettings, SettingsError, load_settings

URL = "sqlite:///data/notes.db"
PASSWORD = "hunter2"


class NotesSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")

    signing_secret: SecretStr | None = Field(None)
    word: str = "none"

    @classmethod
    def development_defaults(cls) -> dict[str, str]:
        return {"database_url": URL}

    def refuse_unsafe(self) -> None:
        if self.signing_secret is None:
            raise ValueError("NOTES_SIGNING_SECRET is required outside development")


class BareSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="BARE_")


class Environment:
    """Sets variables of the notes service. At first they are those of a valid production."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.set(database_url=URL, signing_secret="a long one")

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._patch.setenv(f"NOTES_{name.upper()}", value)

    def unset(self, *names: str) -> None:
        for name in names:
            self._patch.delenv(f"NOTES_{name.upper()}")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(monkeypatch)


def load() -> NotesSettings:
    return load_settings(NotesSettings)


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load()
    assert caught.value.__suppress_context__  # the values aren't in the traceback either
    return str(caught.value)


class TestReading:
    def test_variables_have_the_prefix_of_the_service(
        self, environment: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PORT", "9000")
        environment.set(host="0.0.0.0")  # noqa: S104
        assert (load().host, load().port) == ("0.0.0.0", 8000)  # noqa: S104

    def test_empty_variable_counts_as_unset(self, environment: Environment) -> None:
        environment.set(port="", log_level="", cors_origins="")
        settings = load()
        assert (settings.port, settings.log_level, settings.cors_origins) == (8000, "info", ())

    def test_settings_are_frozen(self, environment: Environment) -> None:
        with pytest.raises(ValidationError):
            load().port = 9000  # type: ignore[misc]

    def test_secrets_are_not_printed(self, environment: Environment) -> None:
        environment.set(database_url=f"postgresql://u:{PASSWORD}@db/notes", signing_secret=PASSWORD)
        assert PASSWORD not in f"{load()!r}"

    def test_database_is_opened_with_its_limits(self, environment: Environment) -> None:
        environment.set(database_url="postgresql://u@db/notes", database_pool_size="3")
        environment.set(database_pool_wait_seconds="0.5")
        database = load().open_database()
        assert (database.url.host, database.url.database) == ("db", "notes")
        pool = cast(QueuePool, database.read_engine.pool)
        assert (pool.size(), pool.timeout()) == (3, 0.5)

    @pytest.mark.parametrize(
        ("text", "addresses"),
        [
            ("10.0.0.1", ("10.0.0.1",)),
            (" 10.0.0.1 , ,10.1.0.0/16,", ("10.0.0.1", "10.1.0.0/16")),
            (" , ", ()),
        ],
    )
    def test_list_is_split_at_its_commas(
        self, environment: Environment, text: str, addresses: tuple[str, ...]
    ) -> None:
        environment.set(trusted_proxies=text)
        assert load().trusted_proxies == addresses


class TestSecretFiles:
    @pytest.fixture
    def path(self, environment: Environment, tmp_path: Path) -> Path:
        """The file that NOTES_SIGNING_SECRET_FILE names. No variable has the secret."""
        environment.unset("signing_secret")
        environment.set(signing_secret_file=str(tmp_path / "file"))
        return tmp_path / "file"

    @pytest.mark.parametrize("content", ["hunter2", "hunter2\n", "hunter2\r\n"])
    def test_secret_may_be_in_a_file(self, path: Path, content: str) -> None:
        path.write_bytes(content.encode())
        secret = load().signing_secret
        assert secret is not None
        assert secret.get_secret_value() == "hunter2"

    def test_required_secret_may_be_in_a_file(self, environment: Environment, path: Path) -> None:
        path.write_text("sqlite:///other.db")
        environment.unset("database_url")
        environment.set(database_url_file=str(path))
        assert load().database_url.get_secret_value() == "sqlite:///other.db"

    def test_variable_takes_precedence_over_the_file(
        self, environment: Environment, path: Path
    ) -> None:
        environment.set(signing_secret="hunter3")
        assert load().signing_secret == SecretStr("hunter3")

    def test_empty_variable_names_no_file(self, environment: Environment, path: Path) -> None:
        environment.set(signing_secret_file="", environment="development")
        assert load().signing_secret is None

    @pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
    def test_unreadable_file_is_one_sentence(self, path: Path, kind: str) -> None:
        if kind == "folder":
            path.mkdir()
        if kind == "binary":
            path.write_bytes(b"\xff")
        assert refusal().startswith("NOTES_SIGNING_SECRET_FILE names a file that can't be read (")

    def test_setting_that_is_no_secret_is_not_read_from_a_file(
        self, environment: Environment, path: Path
    ) -> None:
        path.write_text("hunter2")
        environment.set(word_file=str(path))
        assert load().word == "none"


class TestProductionAndDevelopment:
    def test_production_is_the_default(self, environment: Environment) -> None:
        assert load().environment == "production"

    def test_default_of_development_is_required_in_production(
        self, environment: Environment
    ) -> None:
        environment.unset("database_url")
        assert refusal() == (
            "NOTES_DATABASE_URL is required "
            "(or set NOTES_ENVIRONMENT=development on your own machine)."
        )

    def test_unsafe_value_is_refused_in_production(self, environment: Environment) -> None:
        environment.unset("signing_secret")
        assert refusal() == "NOTES_SIGNING_SECRET is required outside development."

    def test_development_needs_no_other_variable(self, environment: Environment) -> None:
        environment.unset("database_url", "signing_secret")
        environment.set(environment="development")
        assert load().database_url.get_secret_value() == URL

    def test_variable_takes_precedence_over_the_default_of_development(
        self, environment: Environment
    ) -> None:
        environment.set(environment="development", database_url="sqlite:///mine.db")
        assert load().database_url.get_secret_value() == "sqlite:///mine.db"

    def test_service_without_rules_of_its_own_needs_only_a_database(self) -> None:
        settings = BareSettings(database_url=SecretStr(URL))
        assert settings.environment == "production"
        with pytest.raises(ValidationError):
            BareSettings(environment="development")


class TestRefusal:
    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("port", "0", "input should be greater than or equal to 1."),
            ("port", "65536", "input should be less than or equal to 65535."),
            ("environment", PASSWORD, "input should be 'development' or 'production'."),
            ("log_level", PASSWORD, "input should be 'debug', 'info', 'warning' or 'error'."),
            ("cors_origins", "*", "must name origins; `*` would let any page call this service."),
            ("database_url", f"mysql://{PASSWORD}", "must start with sqlite:/// or postgresql://."),
        ],
    )
    def test_wrong_value_is_one_sentence_with_the_variable_and_without_the_value(
        self, environment: Environment, name: str, value: str, sentence: str
    ) -> None:
        environment.set(**{name: value})
        assert refusal() == f"NOTES_{name.upper()} {sentence}"

    @pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1"])
    @pytest.mark.parametrize("limit", ["pool_wait", "lock_timeout", "statement_timeout"])
    def test_time_that_is_no_limit_is_refused(
        self, environment: Environment, limit: str, seconds: str
    ) -> None:
        environment.set(**{f"database_{limit}_seconds": seconds})
        assert refusal().startswith(f"NOTES_DATABASE_{limit.upper()}_SECONDS ")

    def test_several_wrong_values_are_named_together(self, environment: Environment) -> None:
        url = f"postgresql://u:{PASSWORD}@db:x/n"
        environment.set(port="70000", database_url=url, log_format="xml")
        sentence = refusal()
        assert sentence.count("NOTES_") == 3
        assert sentence.count("; ") == 2
        assert sentence.endswith(".")
        assert PASSWORD not in sentence
