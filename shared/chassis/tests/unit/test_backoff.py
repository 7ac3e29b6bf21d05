import random

import pytest

from chassis.http.backoff import full_jitter


def longest(failures: int, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    return full_jitter(failures, first_seconds=0.5, most_seconds=30)


def test_backoff_doubles_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = [longest(failures, monkeypatch) for failures in range(1, 9)]
    assert doubled == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_backoff_stays_at_its_bound_after_any_number_of_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert longest(10**9, monkeypatch) == 30


def test_backoff_is_drawn_from_the_whole_time() -> None:
    drawn = sorted(full_jitter(3, first_seconds=1, most_seconds=30) for _ in range(1000))
    assert drawn[0] < 0.5
    assert 3.5 < drawn[-1] <= 4
