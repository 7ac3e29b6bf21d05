"""Have one module imported from another text, in this process and in those that it starts."""

import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, SupportsIndex

# Names a JSON file: {"path": of the module, "text": its text}.
VARIABLE = "MUTATION_SWAP"


def install_from_environment() -> None:
    """Swap what the variable says, if it is set."""
    if file := os.environ.get(VARIABLE):
        swap = json.loads(Path(file).read_text())
        sys.meta_path = _First([_Finder(swap["path"], swap["text"]), *sys.meta_path])


class _First(list[Any]):
    """Import hooks of which the first stays the first: pytest puts its own there later."""

    def insert(self, index: SupportsIndex, finder: Any) -> None:
        super().insert(max(1, int(index)), finder)


class _Finder(MetaPathFinder):
    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        if name not in {Path(self._path).stem, Path(self._path).parent.name}:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin != self._path:
            return None
        spec.loader = _Loader(fullname, self._path, self._text)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)
