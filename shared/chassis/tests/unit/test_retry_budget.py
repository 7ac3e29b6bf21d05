from hypothesis import given
from hypothesis import strategies as st

from chassis.http.guarded_calls import RetryBudget


def test_a_budget_begins_with_its_reserve() -> None:
    budget = RetryBudget(share=0, reserve=3)
    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]


def test_a_budget_grows_with_the_calls() -> None:
    budget = RetryBudget(share=0.5, reserve=1)
    assert budget.take()
    budget.record_call()
    assert not budget.take()
    budget.record_call()
    assert budget.take()


def test_a_budget_never_holds_more_than_its_reserve() -> None:
    budget = RetryBudget(share=1, reserve=2)
    for _ in range(100):
        budget.record_call()
    assert [budget.take() for _ in range(3)] == [True, True, False]


@given(
    share=st.floats(0, 1),
    reserve=st.integers(0, 20),
    steps=st.lists(st.booleans(), max_size=200),
)
def test_retries_are_never_more_than_the_reserve_and_the_share(
    share: float, reserve: int, steps: list[bool]
) -> None:
    budget = RetryBudget(share=share, reserve=reserve)
    calls = retries = 0
    for is_call in steps:
        if is_call:
            calls += 1
            budget.record_call()
        else:
            retries += budget.take()
        assert retries <= reserve + share * calls + 1e-6
