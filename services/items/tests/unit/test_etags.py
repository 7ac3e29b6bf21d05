"""Entity tags and conditional requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.etags import item_etag, matches_strongly, matches_weakly, representation_version
from app.schemas import ItemView

ETAG = item_etag(3, "Ada", "v1")
TAGS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'))
MALFORMED = [
    *("", " ", ",", "3-1", '"3-1', '3-1"', 'W"3-1"', 'w/"3-1"', f"{ETAG} {ETAG}", f"{ETAG}x"),
    *(f"{ETAG}; {ETAG}", f"{ETAG}, nonsense", f"nonsense, {ETAG}", f"*, {ETAG}", f"{ETAG}, *"),
    *(f'"{ETAG}"', f"{ETAG}\n", f"\xa0{ETAG}", '"3\x001"'),
]


@given(st.tuples(st.integers(1, 3), st.text()), st.tuples(st.integers(1, 3), st.text()))
def test_item_etag_changes_with_version_and_owner_name(
    one: tuple[int, str], other: tuple[int, str]
) -> None:
    assert (item_etag(*one, "v1") == item_etag(*other, "v1")) == (one == other)


def test_item_etag_changes_when_the_view_gets_a_field() -> None:
    class NewView(ItemView):
        colour: str | None = None

    old, new = representation_version(ItemView), representation_version(NewView)
    assert item_etag(3, "Ada", old) != item_etag(3, "Ada", new)


@pytest.mark.parametrize(
    "condition",
    [
        ETAG,
        "*",
        " * ",
        f' "x" , {ETAG}',
        f"{ETAG},",
        f",,{ETAG}\t,",
        f'"a,b",W/"c",{ETAG}',
        f'"",{ETAG}',
    ],
)
def test_matches_finds_the_tag_or_a_star(condition: str) -> None:
    assert matches_strongly(condition, ETAG)
    assert matches_weakly(condition, ETAG)


@pytest.mark.parametrize("condition", [f"W/{ETAG}", f'"x", W/{ETAG}'])
def test_matches_a_weak_tag_only_weakly(condition: str) -> None:
    assert not matches_strongly(condition, ETAG)
    assert matches_weakly(condition, ETAG)


@pytest.mark.parametrize("condition", ['"3-2"', '"13-1"', '"3-1 "', f'"a,{ETAG[1:]}', '"x","y"'])
def test_matches_does_not_find_another_tag(condition: str) -> None:
    assert not matches_strongly(condition, ETAG)
    assert not matches_weakly(condition, ETAG)


@pytest.mark.parametrize("condition", MALFORMED)
def test_matches_nothing_in_a_malformed_list(condition: str) -> None:
    assert not matches_strongly(condition, ETAG)
    assert not matches_weakly(condition, ETAG)


@given(st.lists(st.tuples(st.booleans(), TAGS)), TAGS)
def test_matches_is_membership_in_any_list(members: list[tuple[bool, str]], tag: str) -> None:
    condition = ", ".join(f'{"W/" if weak else ""}"{text}"' for weak, text in members)
    assert matches_strongly(condition, f'"{tag}"') == ((False, tag) in members)
    assert matches_weakly(condition, f'"{tag}"') == (tag in [text for _, text in members])


@given(st.text(max_size=50))
def test_matches_accepts_any_text(condition: str) -> None:
    assert matches_strongly(condition, ETAG) in (True, False)


@pytest.mark.timeout(10)  # quadratic time would be half a minute
def test_matches_reads_a_long_run_of_blanks_in_linear_time() -> None:
    assert not matches_weakly("," + " " * 60_000 + "x", ETAG)
