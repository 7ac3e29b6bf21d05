"""A file that no gate looks at could say anything."""

import pytest
from affected.gates import ALWAYS
from repository import FILES, GRAPH

OF_ALL_FILES = {ALWAYS, "secrets", "pipelines"}


def orphans(files: list[str]) -> list[str]:
    """What nothing owns: the checks of documents see a document, and something has to see the rest."""
    return [
        file
        for file in files
        if not set(GRAPH.reasons([file])) - {"pipelines"}
        or (file.startswith(("services/", "shared/", "tests/")) and not is_seen(file))
    ]


def is_seen(file: str) -> bool:
    return file.endswith(".md") or bool(set(GRAPH.reasons([file])) - OF_ALL_FILES)


def test_each_tracked_file_has_an_owner() -> None:
    assert len(FILES) > 100
    assert orphans(FILES) == []


@pytest.mark.parametrize(
    "file",
    ["stray.json", "new/main.py.txt", "services/users/extras/data.bin", "tests/load/data.json"],
)
def test_a_file_that_nothing_owns_is_found(file: str) -> None:
    assert orphans([file]) == [file]
