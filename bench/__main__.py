"""What the services' routes cost, as a multiple of a bare app that does the same: `tox -e bench`.

    tox -e bench -- --quick
    tox -e bench -- --only "GET /items/" --repeats 15

One process each, on PostgreSQL. Product and reference take turns.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from bench.comparison import HOW_TO_READ, Comparison, Run, as_table
from bench.load import LoadFailed, run_load
from bench.routes import AnswersDiffer, Route, check_same_answer, measured_routes
from bench.servers import Server, Servers, running_servers
from service_testing.postgres import PostgresUnavailable


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tox -e bench --")
    parser.add_argument("--quick", action="store_true", help="two repeats")
    parser.add_argument("--only", default="", help="routes with this in their name")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args(arguments)
    try:
        with running_servers() as servers:
            comparisons = [
                measure(servers, route, 2 if options.quick else options.repeats)
                for route in measured_routes(item_id=servers.item_id, token=servers.token)
                if options.only in route.name
            ]
    except (LoadFailed, AnswersDiffer, PostgresUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\nload average of the machine: {os.getloadavg()[0]:.1f}")
    print(as_table(comparisons))
    print(HOW_TO_READ)
    return 0 if all(each.is_within_limit for each in comparisons) else 1


def measure(servers: Servers, route: Route, repeats: int) -> Comparison:
    both = servers.services[route.service], servers.reference
    check_same_answer(route, both[0].url, both[1].url)
    for server in both:
        run(server, route)  # a warm-up
    print(f"{route.name}: ", end="", flush=True)
    pairs = []
    for _ in range(repeats):
        pairs.append((run(both[0], route), run(both[1], route)))
        print(".", end="", flush=True)
    print()
    return Comparison(route=route.name, limit=route.limit, pairs=pairs)


def run(server: Server, route: Route) -> Run:
    before = server.cpu_seconds()
    load = run_load(server.url, route)
    return Run(load=load, cpu_seconds=server.cpu_seconds() - before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
