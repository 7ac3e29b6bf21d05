"""Clients that are generated from the descriptions work: register, sign in, create, list and edit."""
# needs: users, items

import sys
from pathlib import Path

from tests.e2e.factories import create_user_data
from tests.e2e.stack import Stack
from tests.e2e.third_party.conftest import HERE, RunNode, output_of

STEPS = ["register", "token", "refresh", "create", "list", "cursor", "If-Match", "errors"]
# Its requirements don't fit ours.
GENERATOR = (
    *("uv", "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable),
    *("--with-requirements", HERE / "generator.txt", "openapi-python-client", "generate"),
)


def arguments(stack: Stack) -> tuple[str, ...]:
    """What the clients' scripts are called with."""
    person = create_user_data()
    return (stack.users.url, stack.items.url, person["email"], person["password"])


def test_client_of_openapi_python_client(
    stack: Stack, descriptions: list[Path], tmp_path: Path
) -> None:
    for file in descriptions:
        options = ("--meta", "none", "--output-path", tmp_path / f"{file.stem}_client")
        output_of(*GENERATOR, "--path", file, *options)
    environment = {"PYTHONPATH": str(tmp_path)}
    output = output_of(
        sys.executable, HERE / "client.py", *arguments(stack), environment=environment
    )
    assert output.split("\n")[:-1] == STEPS


def test_client_of_openapi_typescript(
    stack: Stack, descriptions: list[Path], node: RunNode, npm: Path
) -> None:
    modules = "node_modules"
    for file in descriptions:
        node(f"{modules}/openapi-typescript/bin/cli.js", file, "--output", f"{file.stem}.d.ts")
    (npm / "client.ts").write_text((HERE / "client.ts").read_text())
    strict = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext")
    node(
        f"{modules}/typescript/bin/tsc",
        *strict,
        "--allowImportingTsExtensions",
        "--noEmit",
        "client.ts",
    )
    # Node runs it without the types, which have been checked.
    assert node("client.ts", *arguments(stack)).split("\n")[:-1] == STEPS
