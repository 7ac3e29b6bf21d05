"""What lists of items take with 1,000 items and with 1,000,000: `tox -e bench-growth`.

    tox -e bench-growth -- --many 100000

One items service on each of two PostgreSQL databases; they take turns.
"""

import argparse
import asyncio
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from timeit import timeit
from typing import Any

import httpx

from tests.e2e.processes import stack_on_postgres
from tests.e2e.workflows.items.rows import insert_items

_FEW = 1_000
_LIST_LIMIT, _SEARCH_LIMIT = 1.5, 5.0
_BY_CURSOR = {"after": "four pages"}
LISTS: Mapping[str, Mapping[str, str]] = {
    "first page": {},
    "page by cursor": _BY_CURSOR,
    "by price": {"sort": "price"},
    "by name, cursor": {"sort": "name", **_BY_CURSOR},
    "of one owner": {"owner_id": "7"},
    "in a range of prices": {"min_price": "100", "max_price": "200"},
    "search, rare word": {"q": "zirconium"},
    "search, in every item": {"q": "hardly"},
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tox -e bench-growth --")
    parser.add_argument("--many", type=int, default=1_000_000, help="items in the large database")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args(arguments)
    with ExitStack() as cleanup:
        urls = []
        for size in (_FEW, options.many):
            stack, _ = cleanup.enter_context(stack_on_postgres())
            print(f"Inserting {size:,} items", flush=True)
            asyncio.run(insert_items(stack.items.database_url, size))
            urls.append(stack.items.url)
        print(f"{'list of items':<24} {_FEW:>10,} {options.many:>10,} {'ratio':>7} {'limit':>6}")
        is_within_limits = [_measure(name, urls, options.rounds) for name in LISTS]
    print("\nMedians in milliseconds, from a request to its whole answer; one request at a time.")
    print(f"Load average of the machine: {os.getloadavg()[0]:.1f}")
    return 0 if all(is_within_limits) else 1


def _measure(name: str, urls: Sequence[str], rounds: int) -> bool:
    """Ask all services in turns, print the medians, and return whether their ratio is within the limit."""
    limit = _SEARCH_LIMIT if "q" in LISTS[name] else _LIST_LIMIT
    requests = [_request(LISTS[name], url) for url in urls]
    times = [[1000 * timeit(request, number=1) for request in requests] for _ in range(rounds)]
    few, many = map(statistics.median, zip(*times, strict=True))
    mark = "" if many <= limit * few else "  over the limit"
    print(f"{name:<24} {few:>10.2f} {many:>10.2f} {many / few:>7.2f} {limit:>6.1f}{mark}")
    return not mark


def _request(given: Mapping[str, str], url: str) -> Callable[[], Any]:
    client, params = httpx.Client(base_url=url, trust_env=False, timeout=60), dict(given)

    def page() -> Any:
        return client.get("/items/", params=params).raise_for_status().json()

    if params.pop("after", None):
        for _ in range(4):
            params["after"] = page()["next"]
    return page


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
