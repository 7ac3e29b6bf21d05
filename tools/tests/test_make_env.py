"""What `tools/make_env.py` writes for docker-compose.yml."""

import stat
from pathlib import Path

import make_env
import pytest


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(make_env, "ROOT", tmp_path)
    (tmp_path / ".env.example").write_text("# EMPTY=\nSECRET=\nOTHER=\nPORT=8080\n")
    return tmp_path


def test_each_missing_value_becomes_a_secret_of_its_own(checkout: Path) -> None:
    assert make_env.main() == 0
    comment, secret, other, port = (checkout / ".env").read_text().splitlines()
    assert (comment, port) == ("# EMPTY=", "PORT=8080")
    values = {line.partition("=")[2] for line in (secret, other)}
    assert len(values) == 2
    assert all(len(value) >= 32 and value.isalnum() for value in values)


def test_only_its_owner_reads_the_file(checkout: Path) -> None:
    make_env.main()
    assert stat.S_IMODE((checkout / ".env").stat().st_mode) == 0o600


def test_secrets_that_are_in_use_stay(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / ".env").write_text("SECRET=in use\n")
    assert make_env.main() == 0
    assert (checkout / ".env").read_text() == "SECRET=in use\n"
    assert "stays as it is" in capsys.readouterr().out
