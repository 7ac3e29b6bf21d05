"""How `tox -e bench-growth` comes to its figures."""

import httpx
import pytest
from growth.lists import CALLS, Growth, as_table, measure_lists

FEW_ITEMS = {"next": "c"}


def growth(*, few_ms: float, many_ms: float, limit: float = 1.5) -> Growth:
    return Growth(name="first page", few_ms=few_ms, many_ms=many_ms, limit=limit)


@pytest.mark.parametrize(("many_ms", "is_within"), [(3.0, True), (3.1, False)])
def test_the_limit_itself_is_within(many_ms: float, is_within: bool) -> None:
    assert growth(few_ms=2.0, many_ms=many_ms).is_within_limit is is_within


def test_what_grows_too_much_is_marked() -> None:
    _, good, bad = as_table(
        [growth(few_ms=2, many_ms=2), growth(few_ms=2, many_ms=9)], 10, 100
    ).splitlines()

    assert "over the limit" not in good
    assert bad.endswith("over the limit")


def test_both_are_asked_the_same_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(self: httpx.Client, url: str, *, params: dict[str, str]) -> httpx.Response:
        asked.append(f"{self.base_url.host} {params}")
        return httpx.Response(200, json=FEW_ITEMS, request=httpx.Request("GET", self.base_url))

    monkeypatch.setattr(httpx.Client, "get", get)

    growths = measure_lists("http://few", "http://many", rounds=3)

    assert [each.name for each in growths] == [call.name for call in CALLS]
    few, many = (
        [each.removeprefix(host) for each in asked if each.startswith(host)]
        for host in ("few", "many")
    )
    assert few == many
    # The first list has no cursor to walk to: from the first request on they take turns.
    assert [each.split()[0] for each in asked[:6]] == ["few", "many"] * 3
    assert any("after" in each for each in asked)
