"""The files of pacts: the same bytes for the same tests, and every difference is found."""

from pathlib import Path
from typing import Any

import pytest

from contracts import drift
from contracts.errors import ContractError
from contracts.pacts import (
    Interaction,
    merged,
    pact_of,
    read_interactions,
)


def interaction(description: str, provider: str = "shop", **more: Any) -> Interaction:
    document = {"description": description, "type": "Synchronous/HTTP", **more}
    return Interaction("hatter", provider, document)


WANTED = merged([interaction("caps"), interaction("hats", comments={"testname": "t.py::test"})])
NAME = "hatter-shop.json"


@pytest.fixture
def pacts(tmp_path: Path) -> Path:
    drift.write(tmp_path, WANTED)
    return tmp_path


class TestPactOf:
    def test_pact_of_is_plain_text_with_a_final_newline(self) -> None:
        text = pact_of([interaction("Hüte für 帽子")])
        assert "Hüte für 帽子" in text
        assert text.endswith("}\n")


class TestMerged:
    def test_merged_does_not_depend_on_the_order_of_fragments(self, tmp_path: Path) -> None:
        """As the eight workers of `-n 8` do: each in folders whose names, and order, are chance."""
        each = [interaction(f"hat {number}") for number in range(16)]
        for run, order in (("one", each), ("eight", [*reversed(each[::2]), *each[1::2]])):
            for place, fragment in enumerate(order):
                folder = tmp_path / run / f"{place:02}"
                folder.mkdir(parents=True)
                (folder / fragment.file_name).write_text(pact_of([fragment]))
        assert drift.regenerated([tmp_path / "one"]) == drift.regenerated([tmp_path / "eight"])


class TestReadInteractions:
    def test_read_interactions_rejects_other_json(self, tmp_path: Path) -> None:
        (tmp_path / NAME).write_text("[]")
        with pytest.raises(ContractError, match=r"is not a pact .* Run `contracts update`"):
            read_interactions(tmp_path / NAME)


class TestDrift:
    @pytest.mark.parametrize(
        ("added", "end"), [(6, "+]"), (7, "... and 1 more lines"), (9, "... and 3 more lines")]
    )
    def test_long_difference_is_cut_with_the_number_of_other_lines(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: int, end: str
    ) -> None:
        monkeypatch.setattr(drift, "_SHOWN_LINES", 9)
        (tmp_path / "shop.json").write_text("")
        wanted = {"shop.json": "[" + (added - 1) * "\n" + "]"}
        (found,) = drift.differences(tmp_path, wanted)
        _, *shown = found.splitlines()
        assert shown[:2] == ["--- committed", "+++ generated now"]
        assert shown[9:] == ([end] if added > 6 else [])
        assert shown[-1] == end

    def test_write_reports_each_changed_file(self, pacts: Path) -> None:
        (pacts / NAME).write_text("")
        (pacts / "hatter-shoop.json").write_text("")
        assert drift.write(pacts, WANTED) == [
            f"deleted {pacts / 'hatter-shoop.json'}",
            f"wrote {pacts / NAME}",
        ]

    def test_regenerated_from_nothing_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match="there are no contracts"):
            drift.regenerated([tmp_path])
