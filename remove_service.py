"""`make remove-service NAME=items`: delete a service, and every reference to it that a machine reads.

What is about a service has its name: folders, contracts, and `test_<name>_*.py` in the contract tests of others.
Other files that need it name it in a line `# needs: users, items`: a file, a folder (in its `__init__.py`),
or an environment of tox.ini.
"""

import json
import os.path
import re
import shutil
import sys
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import workspace
from new_service import all_or_nothing, made_with, render, run, tox
from workspace import Refused, Service

_NEXT = "Edit these files, then: make format, tox -e settings there, make contracts."
_AUTHOR = ("-c", "user.name=remove-service", "-c", "user.email=remove-service@localhost")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)[^)\s]*\)")


def remove(root: Path, name: str, *, force: bool) -> str:
    """Remove the service; what was done, and what is left to do.

    Raises:
        Refused: there is no such service or no other one, others need it, or a change isn't committed.
    """
    services = {each.name: each for each in workspace.services(root)}
    if name not in services:
        raise Refused(f"There is no service {name!r}. NAME is one of: {', '.join(services)}.")
    if len(services) == 1:
        raise Refused(f"{name} is the only service. Make another one first.")
    consumers = _consumers(services.values(), name)
    elsewhere = [each["consumer"]["name"] for each in _external(root, name).values()]
    found = ", ".join([*(each.name for each in consumers), *elsewhere])
    if consumers and services[name].issues_tokens:
        raise Refused(
            f"{name} issues the tokens that others need: {found}. It can only be the last."
        )
    if found and not force:
        raise Refused(
            f"These services consume {name} or subscribe to it: {found}. FORCE=yes removes {name}, "
            "with what make new-service wrote for it in the others, and their contract tests of it."
        )
    with all_or_nothing(root) as copy:
        left = delete(copy, name)
    shutil.rmtree(root / "services" / name, ignore_errors=True)  # what git ignores
    deleted = run(root, "git", "diff", "--cached", "--name-only", "--diff-filter=D").splitlines()
    changed = run(root, "git", "diff", "--cached", "--name-only", "--diff-filter=d").splitlines()
    lines = [f"Deleted {len(deleted)} files. Changed:", *(f"  {each}" for each in changed), *left]
    lines += [f"To see what else names it: git grep -iw {name}", "Then: make env, make test."]
    for tag in run(root, "git", "tag", "--list", f"deployed/*/{name}").split():
        lines.append(f"It is deployed. End it there, then: git push --delete origin {tag}")
    return "\n".join(lines)


def delete(copy: Path, name: str) -> list[str]:
    """Delete the service in a clone; what is left to do in its consumers."""
    services = {each.name: each for each in workspace.services(copy)}
    consumers = _consumers(services.values(), name)
    left = [text for each in consumers if (text := take_out(copy, name, each))]
    gone, texts = plan(copy, name, services)
    for file, text in texts.items():
        (copy / file).write_text(text, encoding="utf-8", errors="surrogateescape")
    run(copy, "git", "rm", "-rqf", "--ignore-unmatch", "--", *gone)
    if consumers and not left:
        for each in consumers:  # it fails on a change of a file that git knows
            run(copy, "git", "rm", "-q", "--cached", f"services/{each.name}/deploy/settings.md")
            tox(copy, f"-c services/{each.name} -e settings")
        tox(copy, "-e contracts -- update")
    return left


def _consumers(services: Iterable[Service], name: str) -> list[Service]:
    return [each for each in services if name in (*each.consumes, *each.subscribes)]


def take_out(copy: Path, name: str, consumer: Service) -> str:
    """Take out of a consumer what the template wrote for the service; what is left to do, if anything.

    The difference between two renderings, with the service and without it, is applied to the consumer's code.
    """
    folder, old = f"services/{consumer.name}", made_with(consumer)
    if not old:
        return f"{folder} was written by hand. Remove its code for {name}, or its tests fail."
    without = {"consumes": old["consumes"], "subscribes": old["subscribes"]}
    new = old | {key: [each for each in value if each != name] for key, value in without.items()}
    new["providers"] = {key: each for key, each in old["providers"].items() if key != name}
    base = run(copy, "git", "rev-parse", "HEAD").strip()
    for answers in (old, new):
        run(copy, "git", "rm", "-rq", "--", folder)
        texts = {
            key: each if isinstance(each, str) else json.dumps(each)
            for key, each in answers.items()
        }
        given = [f"--data={key}={text}" for key, text in texts.items() if key[0] != "_"]
        render(copy, folder, str(old["_commit"]), given)
        _commit(copy)
    difference = run(copy, "git", "diff", "--binary", "HEAD~", "HEAD")
    run(copy, "git", "reset", "--quiet", "--hard", base)
    conflicts: list[str] = []
    try:
        run(copy, "git", "apply", "--3way", "-", given=difference)
    except Refused:
        conflicts = run(copy, "git", "diff", "--name-only", "--diff-filter=U").split()
        if not conflicts:
            raise
        conflicts.insert(0, f"Your changes of {folder} conflict. {_NEXT}")
    _commit(copy)  # the next consumer begins from here
    return "\n  ".join(conflicts)


def _commit(copy: Path) -> None:
    run(copy, "git", "add", "--all")
    run(copy, "git", *_AUTHOR, "commit", "--quiet", "--message", "A step")


def _external(root: Path, name: str) -> dict[str, dict[str, Any]]:
    """The pacts with the service of consumers that aren't in this repository."""
    files = sorted((root / "contracts/external").glob("*.json"))
    pacts = {file.relative_to(root).as_posix(): json.loads(_read(file)) for file in files}
    return {file: pact for file, pact in pacts.items() if pact["provider"]["name"] == name}


def plan(root: Path, name: str, names: Collection[str]) -> tuple[set[str], dict[str, str]]:
    """The files and folders to delete, and the new texts of files that stay; relative to the root."""
    listed = run(root, "git", "ls-files").splitlines()
    tracked = [each for each in listed if (root / each).is_file()]
    pacts = [pact for each in names for pact in (f"{name}-{each}", f"{each}-{name}")]
    gone = {f"contracts/{kind}/{name}.json" for kind in ("openapi", "asyncapi")}
    gone |= {f"contracts/pacts/{each}.json" for each in pacts}
    gone |= {f"services/{name}", f"tests/e2e/workflows/{_module(name)}", *_external(root, name)}
    texts = {file: _read(root / file) for file in tracked}
    for file, text in texts.items():
        if _provider_in(file, names) == name or (file.endswith(".py") and name in _needs(text)):
            gone.add(file.removesuffix("/__init__.py"))
    gone = {each for each in gone if (root / each).exists()}
    kept = {file: text for file, text in texts.items() if not _is_in(file, gone)}
    new = {file: _without(text, file, name, gone) for file, text in kept.items()}
    if (states := "contracts/states.toml") in new:
        pact = re.compile(r"contracts/(pacts|external)/[^/]+\.json")
        new[states] = _offered(new[states], [kept[file] for file in kept if pact.fullmatch(file)])
    return gone, {file: text for file, text in new.items() if text != kept[file]}


def _provider_in(file: str, names: Iterable[str]) -> str:
    """The service that a file of contract tests is about, or nothing."""
    found = re.fullmatch(r"services/[^/]+/tests/contract/test_(\w+)\.py", file)
    words = f"{found[1]}_" if found else ""
    about = [each for each in names if words.startswith(f"{_module(each)}_")]
    return max(about, key=len, default="")


def _without(text: str, file: str, name: str, gone: Iterable[str]) -> str:
    """The text of the file without what is about the service."""
    if file in {"tox.ini", "contracts/states.toml", "contracts/removed.toml"}:
        tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
        its = re.compile(rf'\[({name}\.|"{name}-|"[\w-]+-{name}"\])')  # a pact is consumer-provider
        kept = [each for each in tables if not its.match(each)]
        return "".join(each for each in kept if name not in _needs(each)).rstrip("\n") + "\n"
    if file.endswith(".md"):
        return _LINK.sub(partial(_unlinked, document=file, gone=gone), text)
    if file.startswith("services/") and file.endswith("/pyproject.toml"):
        declared = rf'^((?:consumes|subscribes) = \[[^\]]*?)(?:, "{name}"|"{name}"(?:, )?)'
        return re.sub(declared, r"\1", text, flags=re.MULTILINE)
    if re.match(r"docker-compose|deploy/kubernetes/|contracts/bootstrap|.*-workspace$", file):
        line = rf"^(?:{name} =|.*\bservices/{name}(?![\w-])).*\n"
        rest = re.sub(line, "", text, flags=re.MULTILINE)
        return re.sub(r",(\s*\])", r"\1", rest) if file.endswith("-workspace") else rest
    return text


def _offered(states: str, pacts: Iterable[str]) -> str:
    """The provider states; those that no pact names any more are offered to the next consumer."""

    def mark(state: re.Match[str]) -> str:
        is_used = any(f'"{state[1]}"' in pact and state[2] in pact for pact in pacts)
        return state[0] if is_used else f"{state[0]}offered = true\n"

    return re.sub(r'^\[([\w-]+)\.(".+")\]\n(?!offered)', mark, states, flags=re.MULTILINE)


def _unlinked(link: re.Match[str], document: str, gone: Iterable[str]) -> str:
    """The text of a link whose target is gone."""
    target = os.path.normpath(PurePosixPath(document).parent / link[2])
    return link[1] if _is_in(target, gone) else link[0]


def _needs(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", " ".join(re.findall(r"^# needs: (.+)$", text, re.MULTILINE))))


def _module(name: str) -> str:
    return name.replace("-", "_")


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{each}/") for each in places)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="surrogateescape")


if __name__ == "__main__":
    try:
        print(remove(workspace.ROOT, sys.argv[1], force=sys.argv[2] == "yes"))
    except Refused as error:
        sys.exit(f"error: {error}")
