from collections.abc import Callable

import pytest

from contracts.consumer import ExpectedProvider


@pytest.fixture
def catalog(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("catalog")
