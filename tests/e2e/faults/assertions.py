"""What must be true after each fault."""

from tests.e2e.faults.trial import Outcome


def assert_documented(outcome: Outcome) -> None:
    """Nothing is lost, no connection stays in use, the databases agree, and every answer was documented."""
    __tracebackhide__ = True
    load = outcome.load
    assert not load.ledger.undocumented, "\n".join(load.ledger.undocumented)
    assert not load.reads.undocumented, "\n".join(load.reads.undocumented)
    assert not outcome.differences, "\n".join(outcome.differences)
    assert load.ledger.known, "the run has shown nothing: nothing was written"
    assert load.reads.sent, "the run has shown nothing: nothing was read"
