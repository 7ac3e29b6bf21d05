from typing import cast

import pytest
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict
from sqlalchemy.pool import QueuePool

from chassis.ops.settings import ServiceSettings, SettingsError, load_settings

URL = "sqlite:///data/notes.db"
PASSWORD = "hunter2"


class NotesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")

    signing_secret: SecretStr | None = Field(None)

    @classmethod
    def development_defaults(cls) -> dict[str, str]:
        return {"database_url": URL}

    def refuse_unsafe(self) -> None:
        if self.signing_secret is None:
            raise ValueError("NOTES_SIGNING_SECRET is required outside development")


class BareSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="BARE_")


class Environment:
    """Sets variables of the notes service; the others it has are those of a good production."""

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


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(NotesSettings)
    return str(caught.value)


class TestReading:
    def test_variables_are_read_with_the_prefix_of_the_service(
        self, environment: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PORT", "9000")
        environment.set(host="0.0.0.0")  # noqa: S104
        settings = load_settings(NotesSettings)
        assert (settings.host, settings.port) == ("0.0.0.0", 8000)  # noqa: S104

    def test_an_empty_variable_counts_as_unset(self, environment: Environment) -> None:
        environment.set(port="", log_level="", cors_origins="")
        settings = load_settings(NotesSettings)
        assert (settings.port, settings.log_level, settings.cors_origins) == (8000, "info", ())

    def test_settings_can_not_be_changed_after_they_are_read(
        self, environment: Environment
    ) -> None:
        settings = load_settings(NotesSettings)
        with pytest.raises(ValidationError):
            settings.port = 9000  # type: ignore[misc]

    def test_secrets_do_not_show_when_settings_are_printed(self, environment: Environment) -> None:
        environment.set(database_url=f"postgresql://u:{PASSWORD}@db/notes", signing_secret=PASSWORD)
        assert PASSWORD not in f"{load_settings(NotesSettings)!r}"

    def test_database_is_opened_with_its_limits(self, environment: Environment) -> None:
        environment.set(database_url="postgresql://u@db/notes", database_pool_size="3")
        environment.set(database_pool_wait_seconds="0.5")
        database = load_settings(NotesSettings).open_database()
        assert (database.url.host, database.url.database) == ("db", "notes")
        pool = cast(QueuePool, database.read_engine.pool)
        assert (pool.size(), pool.timeout()) == (3, 0.5)


class TestLists:
    @pytest.mark.parametrize(
        ("text", "addresses"),
        [
            ("10.0.0.1", ("10.0.0.1",)),
            ("10.0.0.1,10.1.0.0/16", ("10.0.0.1", "10.1.0.0/16")),
            (" 10.0.0.1 , ,10.1.0.0/16,", ("10.0.0.1", "10.1.0.0/16")),
            (" , ", ()),
        ],
    )
    def test_a_list_is_split_at_its_commas(
        self, environment: Environment, text: str, addresses: tuple[str, ...]
    ) -> None:
        environment.set(trusted_proxies=text)
        assert load_settings(NotesSettings).trusted_proxies == addresses

    @pytest.mark.parametrize("origins", ["*", "https://shop.example, *"])
    def test_an_origin_that_stands_for_all_is_refused(
        self, environment: Environment, origins: str
    ) -> None:
        environment.set(cors_origins=origins)
        assert refusal() == (
            "NOTES_CORS_ORIGINS must name origins; `*` would let any page call this service."
        )


class TestProductionAndDevelopment:
    def test_a_service_is_in_production_unless_it_is_told_otherwise(
        self, environment: Environment
    ) -> None:
        assert load_settings(NotesSettings).environment == "production"

    def test_a_value_that_has_a_default_in_development_alone_is_required_in_production(
        self, environment: Environment
    ) -> None:
        environment.unset("database_url")
        assert refusal() == (
            "NOTES_DATABASE_URL is required "
            "(or set NOTES_ENVIRONMENT=development on your own machine)."
        )

    def test_an_unsafe_value_is_refused_in_production(self, environment: Environment) -> None:
        environment.unset("signing_secret")
        assert refusal() == "NOTES_SIGNING_SECRET is required outside development."

    def test_development_needs_no_variable_but_its_own(self, environment: Environment) -> None:
        environment.unset("database_url", "signing_secret")
        environment.set(environment="development")
        assert load_settings(NotesSettings).database_url.get_secret_value() == URL

    def test_a_variable_goes_before_the_default_of_development(
        self, environment: Environment
    ) -> None:
        environment.set(environment="development", database_url="sqlite:///mine.db")
        settings = load_settings(NotesSettings)
        assert settings.database_url.get_secret_value() == "sqlite:///mine.db"

    def test_a_service_without_rules_of_its_own_needs_only_a_database(self) -> None:
        settings = BareSettings(database_url=SecretStr(URL))
        assert settings.environment == "production"
        with pytest.raises(ValidationError):
            BareSettings(environment="development")


class TestRefusal:
    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("port", "0", "NOTES_PORT input should be greater than or equal to 1."),
            ("port", "65536", "NOTES_PORT input should be less than or equal to 65535."),
            (
                "port",
                PASSWORD,
                "NOTES_PORT input should be a valid integer, unable to parse string as an integer.",
            ),
            (
                "environment",
                PASSWORD,
                "NOTES_ENVIRONMENT input should be 'development' or 'production'.",
            ),
            (
                "log_level",
                PASSWORD,
                "NOTES_LOG_LEVEL input should be 'debug', 'info', 'warning' or 'error'.",
            ),
            (
                "database_url",
                PASSWORD,
                "NOTES_DATABASE_URL must be a database URL such as sqlite:///data/service.db.",
            ),
            (
                "database_url",
                f"mysql://u:{PASSWORD}@db/notes",
                "NOTES_DATABASE_URL must start with sqlite:/// or postgresql://.",
            ),
        ],
    )
    def test_a_wrong_value_is_one_sentence_that_names_the_variable_and_not_the_value(
        self, environment: Environment, name: str, value: str, sentence: str
    ) -> None:
        environment.set(**{name: value})
        assert refusal() == sentence

    @pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1"])
    @pytest.mark.parametrize("limit", ["pool_wait", "lock_timeout", "statement_timeout"])
    def test_time_that_is_no_limit_is_refused(
        self, environment: Environment, limit: str, seconds: str
    ) -> None:
        environment.set(**{f"database_{limit}_seconds": seconds})
        assert refusal().startswith(f"NOTES_DATABASE_{limit.upper()}_SECONDS ")

    def test_several_wrong_values_are_told_at_once(self, environment: Environment) -> None:
        environment.set(
            port="70000", database_url=f"postgresql://u:{PASSWORD}@db:x/n", log_format="xml"
        )
        sentence = refusal()
        assert sentence.count("NOTES_") == 3
        assert sentence.count("; ") == 2
        assert sentence.endswith(".")
        assert PASSWORD not in sentence

    def test_the_values_stay_out_of_the_traceback_too(self, environment: Environment) -> None:
        environment.set(database_url=f"postgresql://u:{PASSWORD}@db:x/n")
        with pytest.raises(SettingsError) as caught:
            load_settings(NotesSettings)
        assert caught.value.__suppress_context__
