"""An image is what its commit says, and says what is in it."""

import json
import os
import subprocess
from pathlib import Path

import build_image
import pytest

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_docker.sh")
ENVIRON = {"IMAGE_PREFIX": "registry.example/shop", "CI_JOB_URL": "https://ci.example/1"}


@pytest.fixture
def docker_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "docker").symlink_to(FAKE)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER_LOG", str(tmp_path / "calls"))
    return tmp_path / "calls"


@pytest.fixture
def root(tmp_path: Path, docker_calls: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "services/till").mkdir(parents=True)
    (root / "services/till/pyproject.toml").write_text('[project]\nname = "till"\nversion = "1"\n')
    (root / "Dockerfile").write_text("FROM base:1 AS build\nFROM build\n")
    (root / ".gitignore").write_text("/build/\n")
    git(root, "init", "-q")
    git(root, "remote", "add", "origin", "https://user:secret@git.example/shop.git")
    git(root, "add", ".")
    git(root, "commit", "-qm", "All")
    return root


def git(root: Path, *arguments: str) -> str:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    run = subprocess.run(["git", *author, *arguments], cwd=root, check=True, capture_output=True)
    return run.stdout.decode().strip()


def test_the_image_is_named_by_the_commit(root: Path, docker_calls: Path) -> None:
    assert build_image.main(["till"], ENVIRON, root) == 0

    commit = git(root, "rev-parse", "HEAD")
    build = docker_calls.read_text().splitlines()[0]
    assert f"--tag registry.example/shop-till:{commit}" in build
    assert f"--build-arg=SERVICE=till --build-arg=REVISION={commit}" in build
    assert "push" not in docker_calls.read_text()


def test_the_bill_lists_what_is_in_the_image(root: Path) -> None:
    build_image.main(["till"], ENVIRON, root)

    bill = json.loads((root / "build/images/till/bill-of-materials.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    [component] = bill["components"]
    assert (component["name"], component["version"]) == ("rack", "1.0")
    assert component["licenses"][0]["license"]["id"] == "MIT"


def test_the_provenance_names_commit_and_bases_and_no_secret(root: Path) -> None:
    build_image.main(["till"], ENVIRON, root)

    text = (root / "build/images/till/provenance.json").read_text()
    statement = json.loads(text)
    assert statement["subject"][0]["digest"] == {"sha256": "beef"}
    assert statement["predicate"]["buildDefinition"]["resolvedDependencies"] == [
        {
            "uri": "git+https://git.example/shop.git",
            "digest": {"gitCommit": git(root, "rev-parse", "HEAD")},
        },
        {"uri": "docker://base:1", "digest": {"sha256": "ba5e"}},
    ]
    assert statement["predicate"]["runDetails"]["metadata"]["invocationId"] == ENVIRON["CI_JOB_URL"]
    assert "secret" not in text


def test_it_is_pushed_when_that_is_asked_for(root: Path, docker_calls: Path) -> None:
    assert build_image.main(["till", "--push"], ENVIRON, root) == 0

    assert docker_calls.read_text().splitlines()[-1].startswith("push registry.example/shop-till:")


def test_what_is_not_committed_is_not_built(
    root: Path, docker_calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "Dockerfile").write_text("FROM elsewhere\n")

    assert build_image.main(["till"], ENVIRON, root) == 1
    assert "Commit first" in capsys.readouterr().err
    assert not docker_calls.exists()


@pytest.mark.parametrize("variable", ["FAKE_DOCKER_FAILS", "FAKE_DOCKER_IS_EMPTY"])
def test_a_build_that_fails_or_has_nothing_in_it_is_a_failure(
    root: Path, monkeypatch: pytest.MonkeyPatch, docker_calls: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")

    assert build_image.main(["till", "--push"], ENVIRON, root) == 1
    assert "push" not in docker_calls.read_text()


def test_an_unknown_service_is_a_usage_error(root: Path) -> None:
    with pytest.raises(SystemExit):
        build_image.main(["nonesuch"], ENVIRON, root)
