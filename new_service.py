"""Makes a service from templates/service: `make new-service NAME=orders CONSUMES=items SUBSCRIBES=users`."""

import builtins
import json
import keyword
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import workspace
from workspace import ROOT, Refused, Service

FIRST_PORT, LAST_PORT, FIRST_UNPRIVILEGED = 8001, 65535, 1024
BELIEVED_DAYS = 56
"""How long contracts/bootstrap.toml may say that a service among deployed ones isn't deployed yet."""
OFFERS = "for_consumers"
"""The folder of a service with what its consumers start from."""
VARIABLES = {"NAME", "SINGULAR", "CONSUMES", "SUBSCRIBES", "PORT", "DATABASE"}
# What every service, this repository or the stack has already.
_WORDS = """
    admin app auth chassis contracts database docs errors events grafana health internal jaeger localhost metrics
    models nats openapi page postgres principal prometheus proxy request response schemas services session settings
    shared state template0 template1 tests
"""
RESERVED = set(_WORDS.split())
# Endings of plurals, and what the singular has in place of them.
PLURALS = {"ies": "y", "sses": "ss", "ches": "ch", "shes": "sh", "xes": "x", "ss": "ss", "s": ""}


@dataclass(frozen=True, kw_only=True)
class NewService(Service):
    one: str
    """The singular of its name."""


def singular(name: str) -> str:
    """One of them: `orders` are made of `order`. It doesn't know `movies`: SINGULAR does."""
    for ending, replaced in PLURALS.items():
        if name.endswith(ending) and len(name) > len(ending) + 1:
            return name.removesuffix(ending) + replaced
    return name


def asked(variables: Mapping[str, str], root: Path = ROOT) -> NewService:
    """The service that make's variables ask for.

    Raises:
        Refused: with one sentence, if there can't be such a service.
    """
    _check_names(variables)
    found = {each.name: each for each in workspace.services(root)}
    name = variables.get("NAME", "")
    one = variables.get("SINGULAR") or singular(name)
    for variable, word in (("NAME", name), ("SINGULAR", one)):
        if not re.fullmatch("[a-z][a-z0-9]{1,19}", word):
            rule = "must be 2 to 20 lower-case letters and digits"
            raise Refused(f"{variable} {rule}, not {word!r}.")
    if name in found or (root / "services" / name).exists():
        raise Refused(f"There is a service {name} already.")
    for word in (name, one):
        if word in RESERVED or keyword.iskeyword(word) or hasattr(builtins, word):
            raise Refused(f"NAME can't be {name}: `{word}` is reserved.")
    if (database := variables.get("DATABASE", "")) not in {"", "yes", "no"}:
        raise Refused(f"DATABASE must be yes or no, not {database!r}.")
    subscribes = _publishers(variables.get("SUBSCRIBES", ""), found)
    if subscribes and database == "no":
        raise Refused("SUBSCRIBES needs a database: received events are stored.")
    return NewService(
        name=name,
        one=one,
        folder=root / "services" / name,
        port=_port(variables.get("PORT", ""), {each.port: each.name for each in found.values()}),
        consumes=_providers(variables.get("CONSUMES", ""), found),
        subscribes=subscribes,
        database=database != "no",
    )


def _check_names(variables: Mapping[str, str]) -> None:
    # Everything else in the environment is no mistake. Make escapes spaces in values.
    given = set(re.findall(r"(?<!\\) (\w+)=", f" {variables.get('MAKEFLAGS', '')}")) - {"PYTHON"}
    if unknown := given - VARIABLES:
        known = ", ".join(sorted(VARIABLES))
        raise Refused(f"There is no variable {min(unknown)}; there are: {known}.")


def _publishers(text: str, found: Mapping[str, Service]) -> list[str]:
    names = _providers(text, found)
    for each in names:
        if not (found[each].folder / OFFERS / "events.py.jinja").exists():
            raise Refused(f"SUBSCRIBES can't be {each}: it publishes no events.")
    return names


def _providers(text: str, found: Mapping[str, Service]) -> list[str]:
    names = sorted(set(text.replace(",", " ").split()))
    for each in names:
        if each not in found:
            raise Refused(f"There is no service {each}; there are: {', '.join(sorted(found))}.")
        if not (found[each].folder / OFFERS / "client.py.jinja").exists():
            raise Refused(f"{each} offers nothing to consumers: it has no folder {OFFERS}.")
    return names


def _port(text: str, used: Mapping[int, str]) -> int:
    if not text:
        return next(port for port in range(FIRST_PORT, LAST_PORT) if port not in used)
    port = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not FIRST_UNPRIVILEGED <= port <= LAST_PORT:
        raise Refused(f"PORT must be from {FIRST_UNPRIVILEGED} to {LAST_PORT}, not {text!r}.")
    if port in used:
        raise Refused(f"PORT can't be {port}: {used[port]} has it.")
    return port


def answers(new: NewService, root: Path = ROOT) -> list[str]:
    """The options that answer what copier.yml asks."""
    found = {each.name: each for each in workspace.services(root)}
    issuer = next(each.name for each in found.values() if each.issues_tokens)
    needed = sorted({issuer, *new.consumes, *new.subscribes})
    singulars = {each: made_with(found[each]).get("entity") or singular(each) for each in needed}
    providers = {each: {"entity": singulars[each], "port": found[each].port} for each in needed}
    own = {"name": new.name, "entity": new.one, "port": new.port, "database": new.database}
    others = {"consumes": new.consumes, "subscribes": new.subscribes, "providers": providers}
    others["references"] = [singulars[each] for each in new.consumes]
    values = own | {"issuer": issuer} | {key: json.dumps(each) for key, each in others.items()}
    return [f"--data={key}={value}" for key, value in values.items()]


def made_with(service: Service) -> dict[str, Any]:
    """The answers from which copier made the service; none for a service that was written by hand."""
    file = service.folder / ".copier-answers.yml"
    return json.loads(file.read_text().partition("\n")[2]) if file.exists() else {}


def mention(new: NewService, root: Path) -> None:
    """Add the lines that name the service outside its folder."""
    folder = f"services/{new.name}"
    _add(root / "docker-compose.yml", f"  - {folder}/deploy/compose.yml\n", "/compose.yml\n")
    for overlay, objects in (("local", "local"), ("production", "base")):
        line = f"  - ../../../../{folder}/deploy/kubernetes/{objects}\n"
        file = root / f"deploy/kubernetes/overlays/{overlay}/kustomization.yaml"
        _add(file, line, f"/kubernetes/{objects}\n")
    for file in root.glob("*.code-workspace"):
        text = file.read_text(encoding="utf-8")
        own = f'\\1{{"path": "{folder}"}},\n\\g<0>'
        file.write_text(re.sub(r'( *)\{.*"services/.+\n', own, text, count=1), encoding="utf-8")
    if new.database:  # otherwise it has no state, and offers nothing to consumers
        some = f"{'an' if new.one[0] in 'aeiou' else 'a'} {new.one}"
        for state, more in ((some, 'name = "str"\n'), (f"no {new.one}", "")):
            table = f'\n[{new.name}."{state}"]\noffered = true\nid = "int"\n{more}'
            _add(root / "contracts/states.toml", table)


def _add(file: Path, text: str, after: str = "") -> None:
    """Add the text behind the last `after`, or at the end."""
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    end = old.rindex(after) + len(after) if after else len(old)
    file.write_text(old[:end] + text + old[end:], encoding="utf-8")


def make(new: NewService, copy: Path) -> None:
    """Render the service in a copy of the repository, with what other commands derive from it."""
    folder = f"services/{new.name}"
    render(copy, folder, "HEAD", answers(new, copy))
    mention(new, copy)
    if run(copy, "git", "tag", "--list", "deployed/*"):
        until = (datetime.now(UTC) + timedelta(days=BELIEVED_DAYS)).date()
        _add(copy / "contracts/bootstrap.toml", f"{new.name} = {until}\n")
    for options in ("-e constraints", f"-c {folder} -e settings", "-e contracts -- update"):
        tox(copy, options)


def render(copy: Path, folder: str, commit: str, given: Sequence[str]) -> None:
    """Render the template of that commit."""
    copier = ["uv", "tool", "run", "--constraints", "constraints.txt", "copier", "copy", "--quiet"]
    run(copy, *copier, "--defaults", f"--vcs-ref={commit}", *given, ".", folder)
    tox(copy, f"-e format -- {folder}")


def tox(folder: Path, options: str) -> None:
    print(f"tox {options} ...", flush=True)
    run(folder, "tox", "-q", *options.split())


@contextmanager
def all_or_nothing(root: Path) -> Iterator[Path]:
    """A clone of the last commit. If the block succeeds, its changes are applied here, and staged.

    Raises:
        Refused: something isn't committed, or a command fails.
    """
    if changes := run(root, "git", "status", "--porcelain"):
        first = changes.partition("\n")[0][3:]
        raise Refused(f"Commit your changes first ({first}): this works on the last commit.")
    commit = run(root, "git", "rev-parse", "HEAD").strip()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        run(root, "git", "clone", "--quiet", "--shared", ".", str(copy))
        yield copy
        run(copy, "git", "add", "--all")
        patch = run(copy, "git", "diff", "--cached", "--binary", commit)
        run(root, "git", "apply", "--index", "-", given=patch)


def run(folder: Path, *command: str, given: str = "") -> str:
    """The output of a program, or of a module of this interpreter."""
    git = ["git", "-c", "core.quotePath=false"]
    program = git if command[0] == "git" else [sys.executable, "-m", command[0]]
    # In another environment of tox, its variables would name that one's folders.
    own = {name: value for name, value in os.environ.items() if not name.startswith("TOX_")}
    piped: dict[str, Any] = {"input": given, "capture_output": True, "errors": "surrogateescape"}
    done = subprocess.run([*program, *command[1:]], cwd=folder, env=own, check=False, **piped)
    if done.returncode != 0:
        output = f"{done.stdout}{done.stderr}"
        raise Refused(f"`{' '.join(command)}` failed, and nothing was written.\n{output}")
    return str(done.stdout)


def main() -> None:
    """Make the service, or leave everything as it is."""
    started = time.monotonic()
    new = asked(os.environ)
    with all_or_nothing(ROOT) as copy:
        make(new, copy)
    files = run(ROOT, "git", "diff", "--cached", "--name-only").splitlines()
    elsewhere = [file for file in files if not file.startswith(f"services/{new.name}/")]
    print(f"services/{new.name}: {len(files) - len(elsewhere)} files. Also changed:")
    print(*(f"  {file}" for file in elsewhere), sep="\n")
    print(f"Done in {time.monotonic() - started:.0f} s. Everything is staged: git diff --cached")
    print("Next: make test, make env, and docs/add-a-service.md")


if __name__ == "__main__":
    try:
        main()
    except Refused as error:
        sys.exit(f"error: {error}")
