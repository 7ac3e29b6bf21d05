"""`make remove-service NAME=items`: delete a service, and every reference to it that a machine reads.

What is about a service has its name: folders, contracts, and `test_<name>_*.py` in the contract tests of others.
Other files that need it name it in a line `# needs: users, items`: a file, a folder (in its `__init__.py`),
or an environment of tox.ini.
"""

import os.path
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import workspace
from workspace import Refused

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
    consumers = [
        each.name for each in services.values() if name in (*each.consumes, *each.subscribes)
    ]
    if consumers and not force:
        raise Refused(
            f"These services consume {name} or subscribe to it: {', '.join(consumers)}. FORCE=yes removes "
            f"{name} with their declarations and contract tests of it. Their own code that uses it stays, "
            "and its tests fail."
        )
    gone, texts = plan(root, name, services)
    apply(root, gone, texts)
    lines = ["Deleted:", *sorted(gone), "Edited:", *texts]
    for each in consumers:
        lines += [
            f"services/{each} still has code that uses {name}: remove it. Its tests fail where"
        ]
        lines += [f"no contract covers a fake of {name} any more, or a setting is missing."]
    lines += [f"To see what else names it: git grep -iw {name}", "Then: make env, make test."]
    lines += [f"If it is deployed, end it there first, and delete the tag deployed/{name}."]
    return "\n".join(lines)


def plan(root: Path, name: str, names: Collection[str]) -> tuple[set[str], dict[str, str]]:
    """The files and folders to delete, and the new texts of files that stay; relative to the root."""
    tracked = [each for each in _git(root, "ls-files").splitlines() if (root / each).is_file()]
    pacts = [pact for each in names for pact in (f"{name}-{each}", f"{each}-{name}")]
    gone = {f"contracts/openapi/{name}.json", *(f"contracts/pacts/{each}.json" for each in pacts)}
    gone |= {f"services/{name}", f"tests/e2e/workflows/{_module(name)}"}
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


def apply(root: Path, gone: Collection[str], texts: Mapping[str, str]) -> None:
    """Change everything or nothing.

    Raises:
        Refused: something isn't committed, so it couldn't be restored.
    """
    paths = [*gone, *texts]
    if changes := _git(root, "status", "--porcelain", "--untracked-files=all", "--", *paths):
        raise Refused(f"Commit or discard this first, or it is lost:\n{changes.rstrip()}")
    tracked = _git(root, "ls-files", "--", *paths).splitlines()
    try:
        for file, text in texts.items():
            (root / file).write_text(text, encoding="utf-8", errors="surrogateescape")
        for path in map(root.joinpath, gone):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # its folder may be gone, too
    except BaseException:
        _git(root, "restore", "--", *tracked)
        raise


def _provider_in(file: str, names: Iterable[str]) -> str:
    """The service that a file of contract tests is about, or nothing."""
    found = re.fullmatch(r"services/[^/]+/tests/contract/test_(\w+)\.py", file)
    words = f"{found[1]}_" if found else ""
    about = [each for each in names if words.startswith(f"{_module(each)}_")]
    return max(about, key=len, default="")


def _without(text: str, file: str, name: str, gone: Iterable[str]) -> str:
    """The text of the file without what is about the service."""
    if file in {"tox.ini", "contracts/states.toml"}:
        tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
        kept = [each for each in tables if not each.startswith(f"[{name}.")]
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


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    try:
        print(remove(workspace.ROOT, sys.argv[1], force=sys.argv[2] == "yes"))
    except Refused as error:
        sys.exit(str(error))
