"""The Markdown files of the repository, as far as a machine can check them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from workspace import ROOT, packages, services

_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z]+:")
# A file in a folder, or a folder in a folder.
_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.\w+|(?:[\w.-]+/){2,})`")
# What a reader or a command creates.
_CREATED = {
    ".github/workflows/deploy.yml",
    ".tox/development.env",
    "contracts/bootstrap.toml",
    "contracts/external/",
    "contracts/removed.toml",
    "htmlcov/index.html",
}


def documents(root: Path) -> list[Path]:
    """All Markdown files but those in folders of tools; a downloaded archive has no git to ask."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(".md")]
    return sorted(found)


def pages(root: Path) -> list[Path]:
    """The pages of the site, in the order of its navigation, without those that are generated."""
    config = (root / "docs/zensical.toml").read_text()
    patterns = re.findall(r'"(?!docs/reference/)(\S+\.md)"', config)
    return [page for each in patterns for page in sorted(root.glob(each)) or [root / each]]


def blocks(document: Path, language: str) -> list[str]:
    """The contents of the fenced blocks of this language."""
    return [text for _, name, text in _FENCED.findall(document.read_text()) if name == language]


def prose(document: Path) -> str:
    return _FENCED.sub("", document.read_text())


def broken_links(document: Path, site: list[Path]) -> Iterator[str]:
    """The links that lead to no page of the site, or to no heading; those to other hosts aren't followed."""
    for target in _LINK.findall(prose(document)):
        if _ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        page = (document.parent / path).resolve() if path else document
        if page not in site or (anchor and anchor not in _anchors(page)):
            yield target


def is_outdated(document: Path) -> bool:
    """Whether its line `about` names a removed service, whose files it still names."""
    about = re.search(r"^<!-- about: (.+) -->$", document.read_text(), re.MULTILINE)
    return bool(about and set(about[1].split(", ")) - {each.name for each in services()})


def missing_files(document: Path) -> set[str]:
    """The paths in code font that exist neither in the root nor in a package."""
    folders = [ROOT, *packages(), ROOT / "shared/chassis/src"]
    named = set(_FILE.findall(prose(document))) - _CREATED
    return {path for path in named if not any((each / path).exists() for each in folders)}


def _anchors(document: Path) -> set[str]:
    """What GitHub and GitLab make of the headings."""
    plain = (re.sub(r"[^\w\- ]", "", text.lower()) for text in _HEADING.findall(prose(document)))
    return {text.replace(" ", "-") for text in plain}
