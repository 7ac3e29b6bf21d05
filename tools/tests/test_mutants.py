"""What is changed in a text, and what is left alone."""

import pytest
from mutation.mutants import choose_sample, make_mutants


def changes(source: str) -> list[str]:
    """Of each mutant, the lines that are new in it."""
    return [
        "; ".join(line[1:].strip() for line in mutant.diff.splitlines() if line[0] == "+")
        for mutant in make_mutants(source)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("LIMIT = 10\n", ["LIMIT = 11"]),
        ("STRICT = True\n", ["STRICT = False"]),
        ("NAME = 'users'\n", ["NAME = 'XXusers'"]),
        ("ok = a <= b\n", ["ok = a < b"]),
        ("ok = a and not b\n", ["ok = a or not b", "ok = a and b"]),
        ("delete(a.b, 1)\n", ["pass", "delete(None, 1)", "delete(a.b, 2)"]),
        ("x = Field(ge=low)\n", ["x = Field()"]),
        ("user.active = on\n", ["user.active = None"]),
        ("def f():\n    return g\n", ["return None"]),
        ("def f():\n    raise NotFound\n", ["pass"]),
        ("async def f():\n    await lock\n", ["pass"]),
        ("if f:\n    x = y\n", ["if not (f):"]),
        ("def f(limit=1): ...\n", ["def f(limit=2): ..."]),
        ("def f(a: Annotated[int, Query(ge=1)]): ...\n",
         ["def f(a: Annotated[int, Query()]): ...", "def f(a: Annotated[int, Query(ge=2)]): ..."]),
        ("@route('/', status=1)\ndef f(): ...\n",
         ["@route('/', )", "@route('XX/', status=1)", "@route('/', status=2)"]),
    ],
)  # fmt: skip
def test_a_mistake_is_made_in_one_place(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""\n',
        "import users\n",
        "from users import items\n",
        "a: Literal['user', 1]\n",
        "def f(a: 'User') -> 'Item': ...\n",
        "x = 'This is said to people'\n",
        "x = Field(description='Said')\n",
        "if TYPE_CHECKING:\n    x = 1\n",
        "x = len('a')\n",
        "x = TypeVar('x')\n",
    ],
)
def test_what_no_test_should_notice_is_left_alone(source: str) -> None:
    assert changes(source) == []


def test_a_mutant_knows_where_it_is() -> None:
    source = "class User:\n    x = 1\n\n    def name(self, y=2):\n        return f(\n            3\n        )\n"
    constant, default, *body = make_mutants(source)
    assert (constant.inside, constant.is_at_import, constant.lines) == ("User", True, (2, 2))
    assert (default.inside, default.is_at_import) == ("User.name", True)
    assert {(each.inside, each.is_at_import, each.lines) for each in body} == {
        ("User.name", False, (5, 7))
    }


def test_no_program_is_made_twice() -> None:
    keys = [mutant.key for mutant in make_mutants("a = f(b=1, c=not (x is y))\n")]
    assert len(keys) == len(set(keys)) == 5


class TestSample:
    SOURCE = "".join(f"x{number} = {number}\n" for number in range(20))

    def test_is_the_same_each_time_and_grows(self) -> None:
        three, five = (
            [mutant.diff for mutant in choose_sample(make_mutants(self.SOURCE), size)]
            for size in (3, 5)
        )
        assert (len(three), len(five)) == (3, 5)
        assert set(three) < set(five)
        assert len(choose_sample(make_mutants(self.SOURCE), 99)) == 20

    def test_outlives_a_change_elsewhere(self) -> None:
        before = {mutant.diff for mutant in choose_sample(make_mutants(self.SOURCE), 5)}
        moved = '"""A docstring."""\n\n' + self.SOURCE
        assert {mutant.diff for mutant in choose_sample(make_mutants(moved), 5)} == before
