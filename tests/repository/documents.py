"""What the Markdown files of the repository say, as far as a machine can check it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z]+:")


def documents(root: Path) -> list[Path]:
    """All Markdown files but those in folders of tools; a downloaded archive has no git to ask."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(".md")]
    return sorted(found)


def blocks(document: Path, language: str) -> list[str]:
    """The contents of the fenced blocks of this language."""
    return [text for name, text in _FENCED.findall(document.read_text()) if name == language]


def prose(document: Path) -> str:
    return _FENCED.sub("", document.read_text())


def broken_links(document: Path) -> Iterator[str]:
    """The links to a file or a heading that isn't there; those to other hosts aren't followed."""
    for target in _LINK.findall(prose(document)):
        if _ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            yield target


def _anchors(document: Path) -> set[str]:
    """What GitHub and GitLab make of the headings."""
    plain = (re.sub(r"[^\w\- ]", "", text.lower()) for text in _HEADING.findall(prose(document)))
    return {text.replace(" ", "-") for text in plain}
