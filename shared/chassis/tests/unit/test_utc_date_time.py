from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from chassis.db.columns import UtcDateTime, utc_now

COLUMN = UtcDateTime()
DIALECT = sqlite.dialect()
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# A day off the ends of the calendar, where another zone is in another year.
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001


def test_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        COLUMN.process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001


@given(TIMES)
def test_time_of_any_zone_is_stored_in_utc(time: datetime) -> None:
    stored = COLUMN.process_bind_param(time, DIALECT)
    assert stored == time
    assert stored.tzinfo is UTC


@given(TIMES)
def test_naive_time_of_the_database_is_read_as_utc(time: datetime) -> None:
    stored = time.astimezone(UTC).replace(tzinfo=None)
    read = COLUMN.process_result_value(stored, DIALECT)
    assert read == time
    assert read.tzinfo is UTC


@given(TIMES)
def test_aware_time_of_the_database_is_read_in_utc(time: datetime) -> None:
    read = COLUMN.process_result_value(time, DIALECT)
    assert read == time
    assert read.tzinfo is UTC


def test_no_time_stays_none() -> None:
    assert COLUMN.process_bind_param(None, DIALECT) is None
    assert COLUMN.process_result_value(None, DIALECT) is None


def test_now_is_aware() -> None:
    assert utc_now().tzinfo is UTC
