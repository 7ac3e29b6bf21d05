"""The mutants of a module: its whole text with one change.

Whole texts, unlike mutmut's trampolines, reach everything: constants, fields of models, decorators
and what they decorate, default arguments.
"""

import ast
import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import deep_replace

from mutation.operators import OPERATORS, WORDING

# The values of these are types or names that no test could tell apart.
_TYPE_CALLS = {"TypeVar", "ParamSpec", "NewType", "cast", "len", "isinstance"}
_MAIN_OR_TYPES = m.Name("TYPE_CHECKING") | m.Comparison(left=m.Name("__name__"))


@dataclass(frozen=True)
class Mutant:
    """A module's text with one change; `lines` are those of the statement, 1-based."""

    original: str
    text: str
    lines: tuple[int, int]
    is_at_import: bool
    """Is the change run when the module is imported, and not in a call?"""
    inside: str
    """The function or class that it is in, such as `TokenVerifier.verify`; empty in neither."""

    @cached_property
    def diff(self) -> str:
        """The changed lines, as `-` and `+`."""
        lines = difflib.unified_diff(
            self.original.splitlines(), self.text.splitlines(), n=0, lineterm=""
        )
        return "\n".join(
            line for line in lines if line[0] in "+-" and line[:3] not in {"+++", "---"}
        )

    @property
    def key(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def lot(self) -> str:
        """A number that decides whether it is in a sample; two of the same change share it."""
        return hashlib.sha256(f"{self.inside}\n{self.diff}".encode()).hexdigest()


def make_mutants(source: str) -> list[Mutant]:
    """All mutants of a module's text, in its order; none is the same program twice."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    finder = _Finder()
    wrapper.visit(finder)
    seen = {_program(source)}
    mutants = []
    for change in finder.changes:
        mutated = cast(cst.Module, deep_replace(wrapper.module, change.node, change.replacement))
        if (program := _program(mutated.code)) is not None and program not in seen:
            seen.add(program)
            mutants.append(
                Mutant(source, mutated.code, change.lines, change.is_at_import, change.inside)
            )
    return mutants


def choose_sample(mutants: Sequence[Mutant], size: int) -> list[Mutant]:
    """So many of them, in their order: always the same, and all of a smaller sample.

    Each has its number by lot, from the change alone: another change to the module moves nothing.
    """
    chosen = sorted(mutants, key=lambda each: each.lot)[:size]
    return [each for each in mutants if each in chosen]


def _program(text: str) -> str | None:
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return None


@dataclass(frozen=True)
class _Change:
    node: cst.CSTNode
    replacement: cst.CSTNode
    lines: tuple[int, int]
    is_at_import: bool
    inside: str


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[_Change] = []
        self._statements: list[cst.CSTNode] = []
        self._names: list[str] = []
        self._bodies: list[cst.CSTNode] = []  # of functions: what is in one runs in a call
        self._annotations = 0
        self._calls_in_annotation = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._is_left_alone(node):
            return False
        match node:
            case cst.FunctionDef() | cst.ClassDef():
                self._names.append(node.name.value)
                if isinstance(node, cst.FunctionDef):
                    self._bodies.append(node.body)
            case cst.SimpleStatementLine():
                self._statements.append(node)
            case cst.Annotation():
                self._annotations += 1
            case cst.Call() if self._annotations:
                self._calls_in_annotation += 1
        if not self._annotations or self._calls_in_annotation:
            self._collect(node)
        if node in self._bodies:
            self._statements.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        node = original_node
        if self._statements and node is self._statements[-1]:
            self._statements.pop()
        match node:
            case cst.FunctionDef() | cst.ClassDef():
                self._names.pop()
                if isinstance(node, cst.FunctionDef):
                    self._bodies.pop()
            case cst.Annotation():
                self._annotations -= 1
            case cst.Call() if self._annotations:
                self._calls_in_annotation -= 1

    def _is_left_alone(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.If():
                return m.matches(node.test, _MAIN_OR_TYPES)
            case cst.Call(func=cst.Name(value=name)):
                return name in _TYPE_CALLS
            case cst.Arg(keyword=cst.Name(value=name)):
                return name in WORDING
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString())]):
                return True  # a docstring
            case cst.ImportFrom() | cst.Import():
                return True
        return False

    def _collect(self, node: cst.CSTNode) -> None:
        for kinds, operator in OPERATORS:
            if isinstance(node, kinds):
                for replacement in operator(node):
                    self.changes.append(
                        _Change(
                            node,
                            replacement,
                            self._lines(node),
                            is_at_import=not self._is_in_body(),
                            inside=".".join(self._names),
                        )
                    )

    def _is_in_body(self) -> bool:
        return any(statement in self._bodies for statement in self._statements)

    def _lines(self, node: cst.CSTNode) -> tuple[int, int]:
        """The lines of the simple statement that the node is in, or of the node itself."""
        inner = self._statements[-1] if self._statements else node
        if not isinstance(inner, cst.SimpleStatementLine):
            inner = node.test if isinstance(node, cst.If | cst.While) else node
        position = self.get_metadata(PositionProvider, inner, None)
        if position is None:
            return (0, 0)
        return (position.start.line, position.end.line)
