"""The command `contracts`."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from contracts.errors import ContractError
from contracts.gate.broker import fetch, publish
from contracts.gate.deployed import PRODUCTION
from contracts.gate.gate import Gate
from contracts.gate.readers import readers
from contracts.gate.records import CONSUMERS
from contracts.gate.runner import ProcessRunner, Runner
from contracts.gate.workspace import Workspace, find_root
from contracts.report.page import write_report


def main(
    arguments: Sequence[str] | None = None,
    *,
    start: Path | None = None,
    runner: Runner | None = None,
) -> int:
    """Returns the exit code. `start` is a folder of the repository, `runner` a seam for tests."""
    options, passed_on = _parser().parse_known_args(arguments)
    if passed_on and (options.command != "check" or not passed_on[0].startswith("--")):
        _parser().error(f"unrecognized arguments: {' '.join(passed_on)}")
    started = time.monotonic()
    try:
        workspace = Workspace.read(find_root(start or Path.cwd()))
        gate = Gate(workspace, runner or ProcessRunner(workspace.settings))
        is_passed = _run(options, workspace, gate, passed_on)
    except ContractError as error:
        print(f"\n{error}", file=sys.stderr)
        is_passed = False
    if not is_passed:
        print(f"contracts {options.command}: failed after {time.monotonic() - started:.1f} s.")
        return 1
    print(f"contracts {options.command}: done in {time.monotonic() - started:.1f} s.")
    return 0


def _run(
    options: argparse.Namespace, workspace: Workspace, gate: Gate, passed_on: Sequence[str]
) -> bool:
    match options.command:
        case "check":
            for name in options.parts:
                _ = name == CONSUMERS or workspace[name]
            return gate.check(options.parts, passed_on)
        case "can-i-deploy":
            names = [workspace[name].name for name in options.names or workspace.participants]
            sets = [names] if options.together else [[name] for name in names]
            return gate.can_i_deploy(sets, options.to)
        case "report":
            write_report(workspace, options.html)
        case "update":
            print("\n".join(gate.update()) or "contracts/ is up to date.")
        case "readers":
            name = workspace[options.provider].name
            found = readers(workspace, name, options.path, options.field)
            print("\n".join(found) or "No consumer reads it.")
        case "fetch":
            print("\n".join(fetch(workspace, os.environ)) or "contracts/external is up to date.")
        case _:
            print("\n".join(publish(workspace, os.environ, branch=options.branch)))
    return True


_EPILOG = """\
After a change of a consumer's contract test, or of an API:  contracts update, then commit contracts/
On every change, in the pipeline:                            contracts check
Before a deployment of a service:                            contracts can-i-deploy catalog
After it, move its tag:                                      git tag --force deployed/production/catalog
Before you change a field:                                   contracts readers catalog '' title

The first line of a failure says who breaks whom, and the last how to fix it. Each command has its own --help.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="contracts",
        description="Consumer-driven contracts between the services of a repository. "
        "Consumers' tests record what they send and read, providers' tests replay it. "
        "Configuration: [tool.contracts] in the pyproject.toml of the repository.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, short: str, more: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=short, description=f"{short.capitalize()}. {more}")

    check = add(
        "check",
        "the gate, or a part of it",
        "It checks that every provider satisfies its consumers, that interactions conform to OpenAPI, "
        "that pacts and descriptions are up to date, and that each service can be deployed. "
        "Unknown options, such as --database=postgres, are passed to the pytest runs.",
    )
    check.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="`consumers` (are pacts and descriptions up to date?) or the name of a service "
        "(does it satisfy its consumers?). Without a part, everything is checked",
    )
    add("update", "write pacts and OpenAPI descriptions", "Pacts come from the consumers' tests.")
    deploy = add(
        "can-i-deploy",
        "ask whether services can be deployed next to what is deployed",
        "It verifies the service with the pacts of the deployed consumers, and its own pacts with the "
        "deployed providers. Before the first deployment the merge base with the main branch is used.",
    )
    deploy.add_argument("names", nargs="*", metavar="NAME", help="services; all if none is named")
    deploy.add_argument(
        "--to",
        default=PRODUCTION,
        metavar="ENVIRONMENT",
        help="the tags deployed/ENVIRONMENT/<service> name what runs there (default: production)",
    )
    deploy.add_argument(
        "--together", action="store_true", help="the services are deployed at the same time"
    )
    reading = add(
        "readers",
        "print which consumer sends or reads what, from the pacts",
        "Example: contracts readers users '/users/{user_id}' is_active",
    )
    reading.add_argument("provider", metavar="PROVIDER")
    for name, told in (
        ("path", "/users/7 or /users/{user_id}, or the description of a message; '' for all"),
        (
            "field",
            "the name of a field, header or parameter, a status, or a place as it is printed",
        ),
    ):
        reading.add_argument(name, nargs="?", default="", metavar=name.upper(), help=told)
    report = add(
        "report",
        "write a page of what `check` and `can-i-deploy` found",
        "It reads the records that they left for the current commit, and runs nothing.",
    )
    report.add_argument("--html", type=Path, required=True, metavar="FILE")
    publishing = add(
        "publish",
        "publish pacts and verification results to a Pact Broker",
        "The broker is at PACT_BROKER_BASE_URL; credentials: PACT_BROKER_TOKEN, or "
        "PACT_BROKER_USERNAME and PACT_BROKER_PASSWORD. Without an address nothing is published.",
    )
    publishing.add_argument("--branch", help="instead of the branch of git or of the pipeline")
    add(
        "fetch",
        "fetch the pacts of consumers elsewhere from a Pact Broker",
        "The pacts of their main branches are written to contracts/external.",
    )
    return parser
