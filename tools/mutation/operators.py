"""What is changed: one operator per kind of mistake.

The plain ones (comparisons, arithmetic, numbers, keywords, `not`) are mutmut's. Ours add what people
really forget, a call, a check, an argument, and leave sentences for people alone: a test that pins
their wording is worse than none.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import libcst as cst
import libcst.matchers as m
from mutmut.mutation import mutators

_PROSE = re.compile(r"[a-z]{2,} [a-z]{2,}")
# Arguments that only people read.
WORDING = {"description", "title", "summary", "examples", "help", "metavar"}
# A condition of these kinds is changed inside of it already.
_CHANGED_INSIDE = (cst.Comparison, cst.UnaryOperation, cst.BooleanOperation)


def change_string(node: cst.SimpleString) -> Iterable[cst.CSTNode]:
    if not _PROSE.search(node.value) and not node.value.endswith(('"""', "'''")):
        start = len(node.prefix) + 1
        yield node.with_changes(value=f"{node.value[:start]}XX{node.value[start:]}")


def change_argument(node: cst.Call) -> Iterable[cst.CSTNode]:
    """Leave out an argument with a name, hand None over for one without."""
    for index, argument in enumerate(node.args):
        others = [*node.args[:index], *node.args[index + 1 :]]
        if argument.keyword is not None:
            if argument.keyword.value not in WORDING:
                yield node.with_changes(args=others)
        elif not argument.star and not _is_plain(argument.value):
            none = argument.with_changes(value=cst.Name("None"))
            yield node.with_changes(args=[*node.args[:index], none, *node.args[index + 1 :]])


def _is_plain(value: cst.BaseExpression) -> bool:
    """True of what another operator changes, and of None."""
    return isinstance(value, (cst.SimpleString, cst.BaseNumber, cst.FormattedString)) or m.matches(
        value, m.Name("None") | m.Name("True") | m.Name("False")
    )


def forget_statement(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    """Leave out a call, an `await` or a `raise`; return nothing."""
    match node.body:
        case [cst.Expr(value=cst.Call() | cst.Await())] | [cst.Raise()]:
            yield node.with_changes(body=[cst.Pass()])
        case [cst.Return(value=cst.BaseExpression() as value)] if not m.matches(
            value, m.Name("None") | m.Name("True") | m.Name("False")
        ):
            yield node.with_changes(body=[cst.Return(cst.Name("None"))])


def negate_condition(node: cst.If | cst.While | cst.CompIf) -> Iterable[cst.CSTNode]:
    if not isinstance(node.test, _CHANGED_INSIDE):
        condition = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        space = cst.SimpleWhitespace(" ")
        negated = cst.UnaryOperation(cst.Not(whitespace_after=space), condition)
        yield node.with_changes(test=negated)


def forget_assignment(node: cst.Assign) -> Iterable[cst.CSTNode]:
    """Set an attribute to None: a change of state that is lost."""
    if isinstance(node.targets[0].target, cst.Attribute):
        yield from mutators.operator_assignment(node)


Operator = Callable[[Any], Iterable[cst.CSTNode]]
OPERATORS: Sequence[tuple[type[cst.CSTNode] | tuple[type[cst.CSTNode], ...], Operator]] = (
    (cst.SimpleString, change_string),
    (cst.Call, change_argument),
    (cst.SimpleStatementLine, forget_statement),
    ((cst.If, cst.While, cst.CompIf), negate_condition),
    (cst.Assign, forget_assignment),
    (cst.BaseNumber, mutators.operator_number),
    (cst.Name, mutators.operator_name),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.Match, mutators.operator_match),
    (cst.IfExp, mutators.operator_if_exp),
)
