"""Makes a service from templates/service: `make new-service NAME=orders CONSUMES=items SUBSCRIBES=users`.

It works in a clone of the last commit, and brings the result back as one patch when everything has succeeded.
Standard library only; copier, Ruff and uv run in tools' environments of their own.
"""

import builtins
import keyword
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import workspace
from workspace import ROOT, Refused, Service

FIRST_PORT, LAST_PORT = 8001, 65535
UNPRIVILEGED = 1024
BELIEVED_DAYS = 180
"""How long contracts/bootstrap.toml believes that the service was never deployed."""
OFFERS = "for_consumers"
"""The folder of a service with what its consumers start from."""
# Names of this repository's packages, folders and hosts, and of what every service has.
RESERVED = {
    *(
        "app",
        "chassis",
        "contracts",
        "testing",
        "tests",
        "services",
        "shared",
        "proxy",
        "prometheus",
    ),
    *("docs", "events", "health", "metrics", "openapi", "internal", "admin", "auth", "localhost"),
    *(
        "postgres",
        "database",
        "databases",
        "template0",
        "template1",
        "sessions",
        "bodies",
        "states",
    ),
    *("principals", "responses", "requests", "pages", "settings", "errors", "models", "schemas"),
}


@dataclass(frozen=True, kw_only=True)
class NewService:
    """What the new service is to be. The constructor is `asked`."""

    name: str
    port: int
    consumes: Sequence[str]
    subscribes: Sequence[str]
    database: bool

    @property
    def entity(self) -> str:
        return singular(self.name)


def singular(name: str) -> str:
    """One of them: `orders` are made of `order`."""
    for ending, replaced in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ss", "ss"), ("s", "")):
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + replaced
    return name


def asked(variables: Mapping[str, str], root: Path = ROOT) -> NewService:
    """What make's variables ask for.

    Raises:
        Refused: with one sentence, if there can't be such a service.
    """
    found = {each.name: each for each in workspace.services(root)}
    name = variables.get("NAME", "")
    if not re.fullmatch("[a-z][a-z0-9]{1,19}", name):
        raise Refused(f"NAME must be 2 to 20 lower-case letters and digits, not {name!r}.")
    if name in found or (root / "services" / name).exists():
        raise Refused(f"There is a service {name} already.")
    for word in (name, singular(name)):
        if word in RESERVED or keyword.iskeyword(word) or hasattr(builtins, word):
            raise Refused(f"NAME can't be {name}: `{word}` is reserved.")
    if variables.get("DATABASE", "yes") not in ("yes", "no"):
        raise Refused(f"DATABASE must be yes or no, not {variables['DATABASE']!r}.")
    has_database = variables.get("DATABASE", "yes") == "yes"
    subscribes = _providers(variables.get("SUBSCRIBES", ""), found)
    for each in subscribes:
        if not has_database:
            raise Refused(f"A service without a database can't subscribe to {each}.")
        if not (found[each].folder / OFFERS / "events.py.jinja").exists():
            raise Refused(f"SUBSCRIBES: {each} publishes no events.")
    return NewService(
        name=name,
        port=_port(variables.get("PORT", ""), list(found.values())),
        consumes=_providers(variables.get("CONSUMES", ""), found),
        subscribes=subscribes,
        database=has_database,
    )


def _providers(text: str, found: Mapping[str, Service]) -> list[str]:
    names = sorted(set(re.split(r"[,\s]+", text.strip()) if text.strip() else []))
    for each in names:
        if each not in found:
            raise Refused(f"There is no service {each}; there are: {', '.join(found)}.")
        if not (found[each].folder / OFFERS / "client.py.jinja").exists():
            raise Refused(f"{each} offers nothing to consumers: it has no folder {OFFERS}.")
    return names


def _port(text: str, found: Sequence[Service]) -> int:
    used = {each.port: each.name for each in found}
    if not text:
        return next(port for port in range(FIRST_PORT, LAST_PORT) if port not in used)
    port = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not UNPRIVILEGED <= port <= LAST_PORT:
        raise Refused(f"PORT must be a number from 1024 to 65535, not {text!r}.")
    if port in used:
        raise Refused(f"PORT {port} is the port of {used[port]}.")
    return port


def check_committed(root: Path = ROOT) -> None:
    """Raise Refused if there are changes: the service is made from the last commit."""
    command = ["git", "status", "--porcelain"]
    changes = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    if first := changes.stdout.partition("\n")[0]:
        raise Refused(f"Commit your changes first, such as {first[3:]}: the template is committed.")


def render(new: NewService, root: Path) -> None:
    """Write the service's folder, and the lines that name it elsewhere."""
    found = {each.name: each for each in workspace.services(root)}
    issuer = next(each.name for each in found.values() if each.issues_tokens)
    needed = sorted({issuer, *new.consumes, *new.subscribes})
    providers = {each: f"{{entity: {singular(each)}, port: {found[each].port}}}" for each in needed}
    answers = {
        "name": new.name,
        "entity": new.entity,
        "port": new.port,
        "issuer": issuer,
        "consumes": f"[{', '.join(new.consumes)}]",
        "subscribes": f"[{', '.join(new.subscribes)}]",
        "providers": f"{{{', '.join(f'{name}: {table}' for name, table in providers.items())}}}",
        "database": str(new.database).lower(),
    }
    data = [part for key, value in answers.items() for part in ("--data", f"{key}={value}")]
    copier = ["tool", "run", "--constraints", "constraints.txt", "copier"]
    target = f"services/{new.name}"
    _uv(root, *copier, "copy", "--quiet", "--defaults", "--vcs-ref=HEAD", *data, ".", target)
    _add(root / "docker-compose.yml", f"  - {target}/deploy/compose.yml\n", after="/compose.yml\n")
    for file in root.glob("*.code-workspace"):
        line = re.search(r'.*services/\w+".*\n', file.read_text(encoding="utf-8"))
        if line:
            own = re.sub(r"services/\w+", target, line[0])
            _add(file, own, after=line[0])
    until = (datetime.now(UTC) + timedelta(days=BELIEVED_DAYS)).date()
    _add(root / "contracts/bootstrap.toml", f"{new.name} = {until}\n")
    article = "an" if new.entity[0] in "aeiou" else "a"
    there, none = (f'[{new.name}."{word} {new.entity}"]' for word in (article, "no"))
    states = f'\n{there}\nid = "int"\nname = "str"\n\n{none}\nid = "int"\n'
    _add(root / "contracts/states.toml", states)


def _add(file: Path, text: str, after: str = "") -> None:
    """Add the text behind the last `after`, or at the end."""
    old = file.read_text(encoding="utf-8")
    end = old.rindex(after) + len(after) if after else len(old)
    file.write_text(old[:end] + text + old[end:], encoding="utf-8")


def generate(new: NewService, root: Path) -> None:
    """Write what other commands derive: format, pins, the page of settings, contracts and descriptions."""
    folder = f"services/{new.name}"
    for name, command in {
        "format": ["-e", "format", "--", folder],
        "pins": ["-e", "constraints"],
        "settings": ["-c", folder, "-e", "settings"],
        "contracts": ["-e", "contracts", "--", "update"],
    }.items():
        print(f"{name} ...", flush=True)
        _run([sys.executable, "-m", "tox", "-q", *command], root)


def bring_back(root: Path, copy: Path) -> list[str]:
    """Apply what changed in the copy, all or nothing, and return the files."""
    _run(["git", "add", "--all"], copy)
    patch = _run(["git", "diff", "--cached", "--binary", "HEAD"], copy)
    _run(["git", "apply", "--index", "-"], root, patch)
    return _run(["git", "diff", "--cached", "--name-only", "HEAD"], root).splitlines()


def _uv(root: Path, *arguments: str) -> None:
    _run([sys.executable, "-m", "uv", *arguments], root)


def _run(command: Sequence[str], folder: Path, given: str = "") -> str:
    # Inside tox or another environment, the programs would take that for their own.
    own = {name: text for name, text in os.environ.items() if not name.startswith("TOX_")}
    run = subprocess.run(
        command, cwd=folder, env=own, input=given, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refused(
            f"{run.stdout}{run.stderr}\n`{' '.join(command)}` failed. Nothing was written."
        )
    return run.stdout


def main() -> None:
    started = time.monotonic()
    new = asked(os.environ)
    check_committed()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        _run(["git", "clone", "--quiet", "--shared", str(ROOT), str(copy)], ROOT)
        render(new, copy)
        generate(new, copy)
        files = bring_back(ROOT, copy)
    own = [file for file in files if file.startswith(f"services/{new.name}/")]
    print(f"services/{new.name}: {len(own)} files. Also changed:")
    print(*(f"  {file}" for file in files if file not in own), sep="\n")
    print(
        f"Done in {time.monotonic() - started:.0f} s; everything is staged: see `git diff --cached`.\n"
        f"Next: make test, make env, then docs/add-a-service.md for the first field, route and event."
    )


if __name__ == "__main__":
    try:
        main()
    except Refused as error:
        sys.exit(f"error: {error}")
