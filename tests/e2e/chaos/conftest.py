import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seconds",
        type=float,
        default=20.0,
        help="how long writes and faults go on (default: %(default)s)",
    )
