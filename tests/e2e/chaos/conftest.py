import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seconds",
        type=float,
        default=20.0,
        help="how long writes and faults go on (default: %(default)s)",
    )
    parser.addoption(
        "--operations",
        type=int,
        help="go on until there were so many operations, and step clocks, too (needs libfaketime)",
    )
    parser.addoption(
        "--kills",
        type=int,
        default=0,
        help="with --operations: and until so many processes and databases were killed",
    )
