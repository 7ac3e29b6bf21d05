"""The simulation reads expressions, globs and rules as GitLab's documentation describes them."""

import pytest
from gitlab_rules import Event, Expression, applied_rule, matches

EVENT = Event(variables={"BRANCH": "main", "EMPTY": ""}, changed=["a/b/c.py"], files=["Makefile"])


class TestExpression:
    @pytest.mark.parametrize(
        "text",
        [
            "$BRANCH",
            '$BRANCH == "main"',
            "$BRANCH != 'topic'",
            r"$BRANCH =~ /^ma/",
            r"$BRANCH !~ /^deployed\//",
            "$UNSET == null",
            '$EMPTY == ""',
            '$UNSET || $BRANCH == "main" && $BRANCH',
            "($UNSET && $BRANCH) || $BRANCH",
        ],
    )
    def test_it_is_true(self, text: str) -> None:
        assert Expression(text, EVENT.variables).is_true()

    @pytest.mark.parametrize(
        "text",
        [
            "$UNSET",
            "$EMPTY",
            '$BRANCH == "topic"',
            r"$UNSET =~ /x/",
            "($UNSET || $EMPTY) && $BRANCH",
        ],
    )
    def test_it_is_false(self, text: str) -> None:
        assert not Expression(text, EVENT.variables).is_true()

    @pytest.mark.parametrize("text", ["$BRANCH ==", "$BRANCH = 1", "($BRANCH", "$BRANCH $BRANCH"])
    def test_what_cannot_be_read_is_an_error(self, text: str) -> None:
        with pytest.raises((AssertionError, IndexError)):
            Expression(text, EVENT.variables).is_true()


class TestGlob:
    @pytest.mark.parametrize(
        ("pattern", "file"),
        [
            ("**/*.py", "setup.py"),
            ("**/*.py", "a/b/c.py"),
            ("a/**/*", "a/b"),
            ("a/**/*", "a/.hidden/c"),
            ("a/{b,c}/*", "a/c/d"),
            ("a/[!b]*/*", "a/c/d"),
            ("{a,b}/*/{c,d}/**/*", "b/x/d/e/f"),
        ],
    )
    def test_it_matches(self, pattern: str, file: str) -> None:
        assert matches(pattern, file)

    @pytest.mark.parametrize(
        ("pattern", "file"),
        [("*", "a/b"), ("a/*", "a/b/c"), ("a/**", "a/b/c"), ("*.py", "a/b.py"), ("[!b]/*", "b/c")],
    )
    def test_it_does_not_match(self, pattern: str, file: str) -> None:
        assert not matches(pattern, file)


class TestRules:
    def test_the_first_that_applies_counts(self) -> None:
        rules = [{"if": "$UNSET"}, {"if": "$BRANCH", "when": "manual"}, {"when": "always"}]

        assert applied_rule(rules, EVENT) == rules[1]

    def test_never_means_never(self) -> None:
        assert applied_rule([{"if": "$BRANCH", "when": "never"}, {"when": "always"}], EVENT) is None

    def test_all_conditions_of_a_rule_have_to_hold(self) -> None:
        rule = {"if": "$BRANCH", "changes": ["a/**/*"], "exists": ["Make*"]}

        assert applied_rule([rule], EVENT) == rule
        assert applied_rule([{**rule, "exists": ["nothing"]}], EVENT) is None
        assert applied_rule([{**rule, "changes": ["b/**/*"]}], EVENT) is None

    def test_changes_without_something_to_compare_with_are_always_true(self) -> None:
        first_push = Event(variables={}, changed=["README.md"], has_base=False)
        rule = {"changes": {"paths": ["a/**/*"]}}

        assert applied_rule([rule], first_push) == rule
        compared = {"changes": {"paths": ["a/**/*"], "compare_to": "refs/heads/main"}}
        assert applied_rule([compared], first_push) is None
