"""What the root's tox environments read: their dependencies, and the paths in their commands."""

import configparser
import re
from collections.abc import Collection, Iterator
from pathlib import Path

_LOCAL = re.compile(r"^-[er] (?P<path>[\w./-]+)", re.MULTILINE)
_WORD = re.compile(r"[\w./-]+")


class Environments:
    """The environments of tox.ini. Another's settings, `{[testenv:x]deps}`, are followed."""

    def __init__(self, root: Path) -> None:
        self._ini = configparser.ConfigParser(interpolation=None)
        self._ini.read(root / "tox.ini", encoding="utf-8")

    def names(self) -> set[str]:
        sections = (name.split(":", 1) for name in self._ini.sections() if ":" in name)
        return {name for _, name in sections}

    def installs(self, environment: str) -> set[str]:
        """The folders and files that it installs from, relative to the root."""
        return {found["path"] for found in _LOCAL.finditer(self._get(environment, "deps"))}

    def runs(self, environment: str, known: Collection[str]) -> set[str]:
        """Those of the `known` files and folders that its commands and variables name."""
        folder = self._get(environment, "change_dir").strip()
        words = set(self._words(environment))
        # In a folder of its own a word may be relative to it; without one, it runs the whole folder.
        inside = {f"{folder}/{word}" for word in words if folder}
        return (words | inside) & set(known)

    def _words(self, environment: str) -> Iterator[str]:
        for option in ("commands", "set_env"):
            for word in _WORD.findall(self._get(environment, option).replace("{tox_root}/", "")):
                yield word.rstrip("/")

    def _get(self, environment: str, option: str) -> str:
        value = self._ini.get(f"testenv:{environment}", option, fallback="")
        return re.sub(
            r"\{\[testenv:([\w-]+)\](\w+)\}", lambda found: self._get(found[1], found[2]), value
        )
