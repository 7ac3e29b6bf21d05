"""Links lead somewhere, and documented commands work."""

import re
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from coverage import Coverage
from documents import blocks, broken_links, documents, prose

import workspace
from workspace import ROOT

SERVICES = [service.folder for service in workspace.services()]
PATTERNS = ROOT / "docs/patterns.md"
TESTING = ROOT / "docs/testing.md"


@pytest.mark.parametrize("document", documents(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize(
    "target", ["gone.md", "#gone", "there.md#gone", "../there.md", "folder/../gone.md#there"]
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, target: str) -> None:
    (tmp_path / "there.md").write_text("# There\n```\n# gone\n```\n")
    document = tmp_path / "document.md"
    document.write_text(
        f"# Here, and `now`\n[ok](there.md#there), [ok](#here-and-now), [no]({target})"
    )

    assert list(broken_links(document)) == [target]


def test_folders_of_tools_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".tox").mkdir()
    (tmp_path / ".tox/README.md").touch()

    assert documents(tmp_path) == []


def test_tour_of_the_readme_is_what_make_run_prints() -> None:
    services = workspace.services()
    defaults = {f"{each.prefix}HOST": "127.0.0.1" for each in services}
    ports = {f"{each.prefix}PORT": str(each.port) for each in services}
    [tour] = blocks(ROOT / "README.md", "bash")

    assert workspace.tour(services, defaults | ports).endswith(tour)


@pytest.mark.parametrize(
    "page", ["architecture.md", "contracts.md", "performance.md", "testing.md"]
)
def test_files_in_code_font_exist(page: str) -> None:
    folders = [ROOT, *SERVICES, ROOT / "shared/chassis/src"]
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)+\.\w+)`", prose(ROOT / "docs" / page))
    missing = {path for path in named if not any((each / path).exists() for each in folders)}

    assert named
    assert missing == set()


class TestPatterns:
    def test_each_row_of_the_catalogue_is_there(self) -> None:
        numbers = re.findall(r"^### (\d+)\. ", prose(PATTERNS), re.MULTILINE)

        assert [int(number) for number in numbers] == list(range(1, 25))

    def test_each_row_has_its_trap_and_shows_something(self) -> None:
        _, *rows = re.split(r"^### ", prose(PATTERNS), flags=re.MULTILINE)

        for row in rows:
            assert "**Trap:**" in row, row
            assert "](../" in row or "](testing.md" in row or "**Open:**" in row, row

    def test_paths_exist_in_the_repository_or_in_both_services(self) -> None:
        named = re.findall(r"`([\w.-]+/[\w./-]*)`", prose(PATTERNS))
        missing = {
            path
            for path in named
            if not (ROOT / path).exists() and not all((each / path).exists() for each in SERVICES)
        }

        assert named
        assert missing == set()


class TestCommands:
    # Both processes import what a service's tests need, on a machine that does other things too.
    @pytest.mark.slow
    def test_pytest_takes_each_command_in_each_service(self) -> None:
        commands = documented_commands()
        assert len(commands) > 20
        with ThreadPoolExecutor() as pool:
            errors = list(pool.map(lambda service: try_commands(service, commands), SERVICES))

        assert errors == ["", ""]

    def test_a_command_that_pytest_does_not_take_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        bad = ["pytest --nonesuch", "pytest -m units", "pytest tests/nonesuch", "make test"]

        assert str(bad) in try_commands(tmp_path, ["pytest -x", *bad])

    def test_no_command_has_two_expressions_of_markers(self) -> None:
        assert [each for each in documented_commands() if each.count(" -m ") > 1] == []


def try_commands(folder: Path, commands: list[str]) -> str:
    """What pytest complains about, in this folder."""
    process = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("try_commands.py"))],
        cwd=folder,
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    return process.stderr if process.returncode else ""


def documented_commands() -> list[str]:
    lines = "".join(blocks(TESTING, "console")).splitlines()
    return [line.removeprefix("$ ") for line in lines]


def test_the_coveragerc_says_what_pyproject_says(tmp_path: Path) -> None:
    [ini] = blocks(TESTING, "ini")
    (tmp_path / ".coveragerc").write_text(ini)
    described = Coverage(config_file=str(tmp_path / ".coveragerc"))

    for service in SERVICES:
        real = tomllib.loads((service / "pyproject.toml").read_text())["tool"]["coverage"]
        for part, options in real.items():
            for name, value in options.items():
                assert described.get_option(f"{part}:{name}") == value
