"""What the product's routes cost, as a multiple of a bare app that does the same: `tox -e bench`.

    tox -e bench -- --quick
    tox -e bench -- --only "GET /items/" --repeats 9
    tox -e bench -- --json routes.json --picture routes.svg

The services run as they ship, on PostgreSQL, one process each. Product and reference take turns, so that
whatever else the machine does meets both. CPU time is that of the server's process.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from compare.answers import AnswersDiffer, check_same_answer
from compare.data import CREDENTIALS, prepare
from compare.figures import Comparison, Run, compare
from compare.load import LoadFailed, find_wrk, run_load
from compare.picture import as_picture
from compare.report import as_json, as_table
from compare.routes import Route, compared_routes
from compare.servers import Server, Servers, running_servers

from service_testing.postgres import PostgresUnavailable

WARM_UP_SECONDS = 2


def main(arguments: Sequence[str]) -> int:
    options = _parse(arguments)
    load_before = os.getloadavg()[0]
    try:
        find_wrk()
        comparisons = measure(options.only, options.repeats, options.seconds)
    except (LoadFailed, AnswersDiffer, PostgresUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    load_average = (load_before, os.getloadavg()[0])
    print(
        f"\nproduct : reference; load of the machine {load_average[0]:.1f} to {load_average[1]:.1f}"
    )
    print(as_table(comparisons))
    if options.json:
        options.json.write_text(as_json(comparisons, load_average), encoding="utf-8")
    if options.picture:
        options.picture.write_text(as_picture(comparisons), encoding="utf-8")
    return 0 if all(each.is_within_limit for each in comparisons) else 1


def measure(only: str, repeats: int, seconds: int) -> list[Comparison]:
    """Start everything, and compare each route whose name has `only` in it."""
    with running_servers() as servers:
        seller = prepare(servers)
        routes = compared_routes(
            item_id=seller.item_id, token=seller.token, credentials=CREDENTIALS
        )
        return [measure_route(servers, r, repeats, seconds) for r in routes if only in r.name]


def measure_route(servers: Servers, route: Route, repeats: int, seconds: int) -> Comparison:
    product, reference = servers.of(route.service), servers.reference
    if route.same_answer:
        check_same_answer(route, product.url, reference.url)
    seconds = max(seconds, route.least_seconds)
    for server in (product, reference):
        run_load(server.url, route, seconds=min(route.least_seconds, WARM_UP_SECONDS))
    print(f"{route.name}: ", end="", flush=True)
    pairs = []
    for _ in range(repeats):
        pairs.append((run(product, route, seconds), run(reference, route, seconds)))
        print(".", end="", flush=True)
    print()
    return compare(route.name, route.limit, pairs)


def run(server: Server, route: Route, seconds: int) -> Run:
    before = server.cpu_seconds()
    load = run_load(server.url, route, seconds=seconds)
    return Run(load=load, cpu_seconds=server.cpu_seconds() - before)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tox -e bench --")
    parser.add_argument("--quick", action="store_true", help="two repeats")
    parser.add_argument("--only", default="", help="routes with this in their name")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1, help="of each run")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--picture", type=Path, help="draw them in this file, as SVG")
    options = parser.parse_args(arguments)
    if options.quick:
        options.repeats = 2
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
