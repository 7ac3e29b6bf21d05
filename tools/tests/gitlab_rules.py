"""When GitLab runs a job: its expressions, its globs, and its rules for an event."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<variable>\$\w+)|(?P<text>"[^"]*"|'[^']*')|(?P<regex>/(?:\\.|[^/\\])+/i?)"""
    r"""|(?P<null>null\b)|(?P<operator>==|!=|=~|!~|&&|\|\||[()]))"""
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a pipeline is made for; the files that differ from main, and all that there are."""

    variables: Mapping[str, str]
    changed: Sequence[str] = ()
    files: Sequence[str] = ()
    has_base: bool = True
    """Whether `changes` without `compare_to` has something to compare with: else it is always true."""


@dataclass
class Expression:
    """The left to right reading of `if:`, with the precedence of GitLab: && before ||."""

    text: str
    variables: Mapping[str, str]
    _tokens: list[tuple[str, str]] = field(default_factory=list)

    def is_true(self) -> bool:
        self._tokens = list(self._tokenise())
        value = self._any()
        assert not self._tokens, f"{self.text!r}: {self._tokens} is left over"
        return bool(value)

    def _tokenise(self) -> Iterator[tuple[str, str]]:
        position = 0
        while position < len(self.text.rstrip()):
            found = _TOKEN.match(self.text, position)
            assert found, f"{self.text!r} can't be read from {self.text[position:]!r}"
            position = found.end()
            yield str(found.lastgroup), found[str(found.lastgroup)]

    def _take(self, *operators: str) -> str | None:
        if self._tokens and self._tokens[0][1] in operators:
            return self._tokens.pop(0)[1]
        return None

    def _any(self) -> Any:
        value = self._all()
        while self._take("||"):
            other = self._all()
            value = value or other
        return value

    def _all(self) -> Any:
        value = self._comparison()
        while self._take("&&"):
            other = self._comparison()
            value = value and other
        return value

    def _comparison(self) -> Any:
        left = self._operand()
        match self._take("==", "!=", "=~", "!~"):
            case "==":
                return left == self._operand()
            case "!=":
                return left != self._operand()
            case "=~":
                return bool(re.search(self._operand(), left or ""))
            case "!~":
                return not re.search(self._operand(), left or "")
        return left

    def _operand(self) -> Any:
        if self._take("("):
            value = self._any()
            assert self._take(")"), f"{self.text!r}: a bracket stays open"
            return value
        kind, token = self._tokens.pop(0)
        match kind:
            case "variable":
                return self.variables.get(token[1:])
            case "text":
                return token[1:-1]
            case "regex":
                return token[1:].removesuffix("i").removesuffix("/").replace(r"\/", "/")
            case "null":
                return None
        raise AssertionError(f"{self.text!r}: {token!r} is no value")


def matches(pattern: str, file: str) -> bool:
    """Ruby's `File.fnmatch` with FNM_PATHNAME, FNM_DOTMATCH and FNM_EXTGLOB, as GitLab calls it."""
    return _as_regex(pattern).fullmatch(file) is not None


def _without_braces(pattern: str) -> list[str]:
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    start, end = pattern[: found.start()], pattern[found.end() :]
    return [one for word in found[1].split(",") for one in _without_braces(f"{start}{word}{end}")]


@cache
def _as_regex(pattern: str) -> re.Pattern[str]:
    return re.compile("|".join(map(_translated, _without_braces(pattern))))


def _translated(pattern: str) -> str:
    pieces = re.split(r"(\*\*/|\*|\?|\[[^\]]*\])", pattern)
    special = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        special.get(piece)
        or (piece.replace("[!", "[^") if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )


def applied_rule(rules: Sequence[Mapping[str, Any]], event: Event) -> Mapping[str, Any] | None:
    """The first rule that applies, unless it says never."""
    for rule in rules:
        if _applies(rule, event):
            return None if rule.get("when") == "never" else rule
    return None


def _applies(rule: Mapping[str, Any], event: Event) -> bool:
    if (condition := rule.get("if")) and not Expression(condition, event.variables).is_true():
        return False
    if (changes := rule.get("changes")) and not _have_changed(changes, event):
        return False
    exists = rule.get("exists", ())
    return not exists or any(matches(pattern, file) for pattern in exists for file in event.files)


def _have_changed(changes: Any, event: Event) -> bool:
    paths = changes if isinstance(changes, list) else changes["paths"]
    compares = isinstance(changes, dict) and "compare_to" in changes
    if not compares and not event.has_base:
        return True
    return any(matches(pattern, file) for pattern in paths for file in event.changed)
