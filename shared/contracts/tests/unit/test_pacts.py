"""The files of pacts: the same bytes for the same tests, and every difference is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import drift
from contracts.errors import ContractError
from contracts.pacts import (
    Contracts,
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


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(pacts: Path) -> None:
        pact = json.loads((pacts / NAME).read_text())
        change(pact)
        (pacts / NAME).write_text(json.dumps(pact))

    return edit


class TestPactOf:
    def test_pact_of_is_the_same_whatever_the_order(self) -> None:
        hats, caps = interaction("hats"), interaction("caps")
        assert pact_of([hats, caps]) == pact_of([caps, hats])

    def test_pact_of_has_no_library_versions_and_a_final_newline(self) -> None:
        text = pact_of([interaction("hats")])
        assert json.loads(text)["metadata"] == {"pactSpecification": {"version": "4.0"}}
        assert text.endswith("}\n")

    def test_pact_of_does_not_escape_other_alphabets(self) -> None:
        assert "Hüte für 帽子" in pact_of([interaction("Hüte für 帽子")])


class TestMerged:
    def test_merged_has_a_file_for_each_pair(self) -> None:
        assert list(merged([interaction("hats"), interaction("rent", "landlord")])) == [
            "hatter-landlord.json",
            NAME,
        ]

    def test_merged_does_not_depend_on_the_order_of_fragments(self, tmp_path: Path) -> None:
        """As the eight workers of `-n 8` do: each in folders whose names, and order, are chance."""
        each = [interaction(f"hat {number}") for number in range(16)]
        for run, order in (("one", each), ("eight", [*reversed(each[::2]), *each[1::2]])):
            for place, fragment in enumerate(order):
                folder = tmp_path / run / f"{place:02}"
                folder.mkdir(parents=True)
                (folder / fragment.file_name).write_text(pact_of([fragment]))
        assert drift.regenerated(tmp_path / "one") == drift.regenerated(tmp_path / "eight")

    def test_merged_rejects_a_description_of_two_tests(self) -> None:
        with pytest.raises(ContractError, match="Two tests use the description `hatter: hats`"):
            merged([interaction("hats"), interaction("hats")])


class TestReadInteractions:
    def test_read_interactions_rejects_other_json(self, tmp_path: Path) -> None:
        (tmp_path / NAME).write_text("[]")
        with pytest.raises(ContractError, match=r"is not a pact .* Run `contracts update`"):
            read_interactions(tmp_path / NAME)

    def test_read_interactions_rejects_another_file_name(self, pacts: Path) -> None:
        path = (pacts / NAME).rename(pacts / "shop-hatter.json")
        with pytest.raises(ContractError, match="is the pact of hatter with shop"):
            read_interactions(path)

    def test_read_interactions_rejects_a_duplicate(self, pacts: Path) -> None:
        edited(lambda pact: pact["interactions"].append(pact["interactions"][0]))(pacts)
        with pytest.raises(ContractError, match="has `caps` twice"):
            read_interactions(pacts / NAME)


class TestContracts:
    @pytest.mark.parametrize("provider", ["shop", "landlord"])
    def test_contracts_without_interactions_are_an_error(
        self, tmp_path: Path, provider: str
    ) -> None:
        (tmp_path / "states.toml").write_text("[shop]\n[landlord]\n")
        with pytest.raises(ContractError, match="Nothing would be verified"):
            Contracts(tmp_path).interactions(provider=provider)

    def test_contracts_with_an_unknown_provider_are_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "states.toml").write_text("[shop]\n")
        with pytest.raises(ContractError, match="has no provider `shoop`; it has: shop"):
            Contracts(tmp_path).interactions(provider="shoop")

    def test_committed_interactions_are_found_by_description(self, tmp_path: Path) -> None:
        drift.write(tmp_path / "pacts", WANTED)
        committed = Contracts(tmp_path).committed("hatter", "shop")
        assert {name: each.description for name, each in committed.items()} == {
            "caps": "caps",
            "hats": "hats",
        }

    def test_services_without_a_pact_have_no_interactions(self, tmp_path: Path) -> None:
        assert Contracts(tmp_path).committed("hatter", "landlord") == {}


class TestDrift:
    def test_drift_is_none_after_writing(self, pacts: Path) -> None:
        assert list(drift.differences(pacts, WANTED)) == []
        assert drift.write(pacts, WANTED) == []

    @pytest.mark.parametrize(
        ("tamper", "message"),
        [
            (lambda pacts: (pacts / NAME).unlink(), "missing. Run"),
            (
                lambda pacts: (pacts / NAME).rename(pacts / "hatter-shoop.json"),
                "no test or service produces it",
            ),
            (edited(lambda pact: pact["interactions"].pop()), "missing: `hats`"),
            (
                edited(lambda pact: pact["interactions"].append({"description": "shoes"})),
                "orphan: no test records `shoes`",
            ),
            (
                edited(lambda pact: pact["interactions"][0].update(description="kepis")),
                "orphan: no test records `kepis`\n  missing: `caps`",
            ),
            (
                edited(lambda pact: pact["interactions"][0].update(pending=True)),
                "changed: `caps`",
            ),
            (edited(lambda _: None), "differs from what the code gives now"),
            (
                edited(lambda pact: pact["interactions"].append(pact["interactions"][0])),
                "has `caps` twice",
            ),
        ],
        ids=[
            *("deleted", "renamed", "interaction deleted", "orphan", "interaction renamed"),
            *("edited", "reformatted", "duplicate"),
        ],
    )
    def test_each_kind_of_drift_is_named_with_the_command_that_fixes_it(
        self, pacts: Path, tamper: Callable[[Path], object], message: str
    ) -> None:
        tamper(pacts)
        found = "\n".join(drift.differences(pacts, WANTED))
        assert message in found
        assert "Run `contracts update`" in found
        drift.write(pacts, WANTED)
        assert list(drift.differences(pacts, WANTED)) == []

    def test_difference_of_a_large_file_is_cut(self, pacts: Path) -> None:
        (pacts / NAME).write_text(
            merged([interaction(f"hat {number}") for number in range(9)])[NAME]
        )
        (found,) = drift.differences(pacts, WANTED)
        assert "more lines" in found

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
            drift.regenerated(tmp_path)
