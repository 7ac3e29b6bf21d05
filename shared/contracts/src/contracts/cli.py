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
    check = commands.add_parser(
        "check",
        help="the gate, or a part of it",
        description="Check that pacts and descriptions are up to date, that every provider satisfies "
        "its consumers, that interactions conform to OpenAPI, and that each service can be deployed. "
        "Unknown options, such as --database=postgres, are passed to the pytest runs of the providers.",
    )
    check.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="`consumers` (are pacts and descriptions up to date?) or the name of a service "
        "(does it satisfy its consumers?). Without a part, everything is checked",
    )
    commands.add_parser(
        "update",
        help="write pacts and OpenAPI descriptions",
        description="Record the pacts from the consumers' tests, and write the OpenAPI descriptions.",
    )
    deploy = commands.add_parser(
        "can-i-deploy",
        help="ask whether services can be deployed next to what is deployed",
        description="Verify the service with the pacts of the deployed consumers, and its own pacts "
        "with the deployed providers. Before the first deployment the merge base with the main branch is used.",
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
    reading = commands.add_parser(
        "readers",
        help="print which consumer reads what",
        description="Print from the pacts which consumer sends or reads which field, header and status of "
        "a provider, with the interaction and its test. Example: `contracts readers users '/users/{user_id}' "
        "is_active`.",
    )
    reading.add_argument("provider", metavar="PROVIDER")
    reading.add_argument(
        "path",
        nargs="?",
        default="",
        metavar="PATH",
        help="/users/7 or /users/{user_id}, or the description of a message; '' for all",
    )
    reading.add_argument(
        "field",
        nargs="?",
        default="",
        metavar="FIELD",
        help="the name of a field, header or parameter, a status, or a place as it is printed",
    )
    report = commands.add_parser(
        "report",
        help="write a page of what `check` and `can-i-deploy` found",
        description="Write one HTML file from the records that `check` and `can-i-deploy` left for "
        "the current commit. Nothing is run.",
    )
    report.add_argument("--html", type=Path, required=True, metavar="FILE")
    publishing = commands.add_parser(
        "publish",
        help="publish pacts and verification results to a Pact Broker",
        description="Publish the committed pacts to the broker at PACT_BROKER_BASE_URL, and what `check` "
        "found for this commit. Credentials: PACT_BROKER_TOKEN, or PACT_BROKER_USERNAME and "
        "PACT_BROKER_PASSWORD. Without an address nothing is published.",
    )
    publishing.add_argument("--branch", help="instead of the branch of git or of the pipeline")
    commands.add_parser(
        "fetch",
        help="fetch the pacts of consumers elsewhere from a Pact Broker",
        description="Write the pacts of consumers in other repositories, of their main branches, to "
        "contracts/external.",
    )
    return parser
