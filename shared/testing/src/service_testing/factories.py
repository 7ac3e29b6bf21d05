"""What factories of test data are built from: values that are unique in a test, and the same for the same seed.

pytest-randomly seeds faker before each test, and the report of a failed test shows how to get its data again.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from faker import Faker

DataT = TypeVar("DataT", bound=Mapping[str, Any])

fake = Faker(
    use_weighting=False
)  # choosing names as frequently as in real life takes ten times as long
"""Plausible values. What comes from `fake.unique` is unique within a test."""


def override(defaults: DataT, overrides: Mapping[str, object]) -> DataT:
    """The defaults of a factory, with some values replaced.

    Raises:
        TypeError: the defaults have no such field.
    """
    if unknown := overrides.keys() - defaults.keys():
        raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")
    return cast(DataT, {**defaults, **overrides})
