"""How long a list takes with few items and with many, the database and the way there included."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from growth.fill import COMMON_WORD, RARE_WORD

ROUNDS = 60
LIST_LIMIT, SEARCH_LIMIT = 1.5, 5.0


@dataclass(frozen=True, kw_only=True)
class ListCall:
    name: str
    params: Mapping[str, str]
    limit: float
    """With many items it may take so many times what it takes with few."""
    by_cursor: bool = False
    """Not the page itself, but the fifth after it."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    name: str
    few_ms: float
    many_ms: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.many_ms / self.few_ms

    @property
    def is_within_limit(self) -> bool:
        return self.ratio <= self.limit


CALLS = (
    ListCall(name="first page", params={}, limit=LIST_LIMIT),
    ListCall(name="page by cursor", params={}, limit=LIST_LIMIT, by_cursor=True),
    ListCall(name="by price", params={"sort": "price"}, limit=LIST_LIMIT),
    ListCall(name="by name, cursor", params={"sort": "name"}, limit=LIST_LIMIT, by_cursor=True),
    ListCall(name="of one owner", params={"owner_id": "7"}, limit=LIST_LIMIT),
    ListCall(
        name="in a range of prices",
        params={"min_price": "100", "max_price": "200"},
        limit=LIST_LIMIT,
    ),
    ListCall(name="search, rare word", params={"q": RARE_WORD}, limit=SEARCH_LIMIT),
    ListCall(name="search, in every item", params={"q": COMMON_WORD}, limit=SEARCH_LIMIT),
)
_PAGES_BEFORE = 4


def measure_lists(few_url: str, many_url: str, *, rounds: int = ROUNDS) -> list[Growth]:
    """Both services take turns, one request at a time; the medians count."""
    with (
        httpx.Client(base_url=few_url, trust_env=False, timeout=60) as few,
        httpx.Client(base_url=many_url, trust_env=False, timeout=60) as many,
    ):
        return [_measure(call, few, many, rounds) for call in CALLS]


def _measure(call: ListCall, few: httpx.Client, many: httpx.Client, rounds: int) -> Growth:
    requests = [_request(call, client) for client in (few, many)]
    times = [[_milliseconds(request) for request in requests] for _ in range(rounds)]
    few_ms, many_ms = map(statistics.median, zip(*times, strict=True))
    return Growth(name=call.name, few_ms=few_ms, many_ms=many_ms, limit=call.limit)


def _request(call: ListCall, client: httpx.Client) -> Callable[[], object]:
    params = dict(call.params)
    for _ in range(_PAGES_BEFORE if call.by_cursor else 0):
        params["after"] = _page(client, params)["next"]
    return lambda: _page(client, params)


def _page(client: httpx.Client, params: Mapping[str, str]) -> dict[str, str]:
    answer = client.get("/items/", params=params)
    answer.raise_for_status()
    body: dict[str, str] = answer.json()
    return body


def _milliseconds(request: Callable[[], object]) -> float:
    start = time.perf_counter()
    request()
    return 1000 * (time.perf_counter() - start)


def as_table(growths: Sequence[Growth], few: int, many: int) -> str:
    head = f"{'list of items':<24} {f'{few:,}, ms':>14} {f'{many:,}, ms':>16} {'ratio':>7} {'limit':>6}"
    return "\n".join([head, *map(_line, growths)])


def _line(each: Growth) -> str:
    mark = "" if each.is_within_limit else "  over the limit"
    return (
        f"{each.name:<24} {each.few_ms:>14.2f} {each.many_ms:>16.2f} {each.ratio:>7.2f}"
        f" {each.limit:>6.1f}{mark}"
    )
