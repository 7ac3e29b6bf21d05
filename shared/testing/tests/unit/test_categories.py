"""The category of a test comes from its folder."""

from pathlib import Path

import pytest

from service_testing.categories import category


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/unit/hats/test_labels.py", "unit"),
        ("tests/e2e/contract/test_hats.py", "contract"),
        ("tests/test_hats.py", None),
        ("tests/unit.py", None),
        ("tests/tools/test_hats.py", None),
    ],
)
def test_innermost_folder_with_a_category_counts(path: str, expected: str | None) -> None:
    assert category(Path("/home/ada/shop", path)) == expected


def test_folders_above_tests_do_not_count() -> None:
    assert category(Path("/home/unit/shop/tests/test_hats.py")) is None
    assert category(Path("/home/unit/shop/tests/integration/test_hats.py")) == "integration"
