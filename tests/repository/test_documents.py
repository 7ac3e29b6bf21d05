"""Links lead to pages, named files exist, and documented commands work."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from coverage import Coverage
from documents import blocks, broken_links, documents, is_outdated, missing_files, pages, prose

import workspace
from workspace import ROOT

SERVICES = [service.folder for service in workspace.services()]
PAGES = pages(ROOT)
ASVS = ROOT / "docs/asvs.md"
PATTERNS = ROOT / "docs/patterns.md"
TESTING = ROOT / "docs/testing.md"
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def test_every_document_is_in_the_navigation() -> None:
    rendered = ROOT / "templates"
    assert [each for each in documents(ROOT) if rendered not in each.parents] == sorted(PAGES)


@each_page
def test_links_lead_to_pages(page: Path) -> None:
    assert list(broken_links(page, PAGES)) == []


@each_page
def test_files_in_code_font_exist(page: Path) -> None:
    if is_outdated(page):
        pytest.skip("it is about a service that was removed: edit the page, then its line `about`")
    assert missing_files(page) == set()


@pytest.mark.parametrize(
    "target", ["gone.md", "#gone", "there.md#gone", "../there.md", "there.py", "."]
)
def test_link_that_leads_to_no_page_is_found(tmp_path: Path, target: str) -> None:
    there, document = tmp_path / "there.md", tmp_path / "document.md"
    there.write_text("# There\n```\n# gone\n```\n")
    (tmp_path / "there.py").touch()
    document.write_text(
        f"# Here, and `now`\n[ok](there.md#there), [ok](#here-and-now), [no]({target})"
    )

    assert list(broken_links(document, [there, document])) == [target]


def test_file_that_does_not_exist_is_found(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("`app/main.py`, `tests/unit/`, `docs/gone.py`, `docs/gone/`, `GET /gone/`")

    assert missing_files(document) == {"docs/gone.py", "docs/gone/"}


def test_folders_of_tools_are_ignored(tmp_path: Path) -> None:
    (tmp_path / ".tox").mkdir()
    (tmp_path / ".tox/README.md").touch()

    assert documents(tmp_path) == []


def test_tour_of_the_readme_is_what_make_run_prints_while_its_services_are_here() -> None:
    services = workspace.services()
    defaults = {f"{each.prefix}HOST": "127.0.0.1" for each in services}
    ports = {f"{each.prefix}PORT": str(each.port) for each in services}
    [tour] = blocks(ROOT / "README.md", "bash")

    has_all = {"users", "items"} <= {each.name for each in services}
    assert workspace.tour(services, defaults | ports).endswith(tour) is has_all


@pytest.mark.parametrize("page", ["README.md", "docs/quick-start.md"])
def test_commands_to_paste_have_no_comments(page: str) -> None:
    # zsh, the shell of macOS, takes a pasted comment for a command, and its apostrophe for a quote.
    commands = "".join(blocks(ROOT / page, "bash") + blocks(ROOT / page, "console"))

    assert re.findall(r"(?:^|\s)#.*", commands) == []


def test_asvs_has_each_requirement_in_one_row_and_counts_it() -> None:
    text = prose(ASVS)
    rows = re.findall(r"^\| (\d[\d., -]+) \| ([a-z ]+) \|", text, re.MULTILINE)
    found = [(number, status) for numbers, status in rows for number in _numbers(numbers)]
    counts = Counter((number.partition(".")[0], status) for number, status in found)
    statuses = ("met", "delegated", "accepted", "open", "not applicable")
    shown = {
        (chapter, status): int(count)
        for chapter, columns in re.findall(r"^\| \[V(\d+) .+?\) \| (.+) \|$", text, re.MULTILINE)
        for status, count in zip(statuses, columns.split(" | "), strict=True)
    }
    [sums] = re.findall(r"^\| \*\*All\*\* \| (.+) \|$", text, re.MULTILINE)
    total = Counter(status for _, status in found)

    assert len(found) == len(dict(found)) == 253  # the standard's levels 1 and 2
    assert shown == {key: counts[key] for key in shown}
    assert sums == " | ".join(f"**{total[status]}**" for status in statuses)


def _numbers(text: str) -> Iterator[str]:
    """The numbers in a text such as `6.2.1, 6.2.3-6.2.5`."""
    for part in text.split(", "):
        first, _, last = part.partition("-")
        section, _, low = first.rpartition(".")
        for number in range(int(low), int(last.rpartition(".")[2] or low) + 1):
            yield f"{section}.{number}"


class TestPatterns:
    def test_catalogue_has_each_row(self) -> None:
        numbers = re.findall(r"^### (\d+)\. ", prose(PATTERNS), re.MULTILINE)

        assert [int(number) for number in numbers] == list(range(1, 25))

    def test_each_row_has_its_trap_and_an_example(self) -> None:
        _, *rows = re.split(r"^### ", prose(PATTERNS), flags=re.MULTILINE)

        for row in rows:
            assert "**Trap:**" in row, row
            assert "**See:**" in row, row


class TestCommands:
    # Both processes import what a service's tests need, on a machine that does other things too.
    @pytest.mark.slow
    def test_pytest_accepts_each_command_in_each_service(self) -> None:
        commands = documented_commands()
        assert len(commands) > 20
        with ThreadPoolExecutor() as pool:
            errors = list(pool.map(lambda service: try_commands(service, commands), SERVICES))

        assert errors == [""] * len(SERVICES)

    def test_command_that_pytest_rejects_is_found(
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


def test_coveragerc_has_the_settings_of_pyproject(tmp_path: Path) -> None:
    [ini] = blocks(TESTING, "ini")
    (tmp_path / ".coveragerc").write_text(ini)
    described = Coverage(config_file=str(tmp_path / ".coveragerc"))

    for service in SERVICES:
        real = tomllib.loads((service / "pyproject.toml").read_text())["tool"]["coverage"]
        for part, options in real.items():
            for name, value in options.items():
                assert described.get_option(f"{part}:{name}") == value
