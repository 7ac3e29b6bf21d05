"""What docs/mutation.md and the file of explained survivors say holds, as far as a quick look can tell."""

import re
import tomllib

import pytest
from mutation.explained import Explanation, Explanations
from running import TOOLS

ROOT = TOOLS.parent
EXPLANATIONS = Explanations(ROOT / "docs/mutation-survivors.toml")
PAGE = (ROOT / "docs/mutation.md").read_text()


def read_rows(heading: str) -> list[list[str]]:
    """The cells of the table in that section, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_page_counts_the_explained_survivors() -> None:
    counted = EXPLANATIONS.count()
    rows = {
        category.strip("`"): (int(number), meaning)
        for category, number, meaning in read_rows("Survivors that are explained")
    }
    assert rows == {
        category: (counted[category], meaning)
        for category, meaning in EXPLANATIONS.categories.items()
    }
    assert counted.keys() <= EXPLANATIONS.categories.keys()


@pytest.mark.parametrize("explanation", EXPLANATIONS.all, ids=lambda each: each.module)
def test_an_explanation_is_of_code_that_is_there(explanation: Explanation) -> None:
    lines = {line.strip() for line in (ROOT / explanation.module).read_text().splitlines()}
    removed = [line[2:] for change in explanation.changes for line in change if line[0] == "-"]
    assert removed
    assert set(removed) <= lines
    assert explanation.reason


def test_no_floor_is_above_the_score_on_the_page() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    floors = settings["mutation-floors"]
    assert floors.keys() == settings["mutation-modules"].keys()
    scores = {
        name.strip("*"): float(score.removesuffix(" %"))
        for name, *_, score in read_rows("The score")
        if re.fullmatch(r"\*\*\w+\*\*", name)
    }
    for folder, floor in floors.items():
        assert floor <= scores[folder.rpartition("/")[2]]
