"""What must hold after each fault."""

from trial import Outcome


def assert_documented(outcome: Outcome) -> None:
    """Nothing is lost, the databases agree, and nobody has seen an error that isn't documented."""
    __tracebackhide__ = True
    load = outcome.load
    assert not load.ledger.surprises, "\n".join(load.ledger.surprises)
    assert not load.reads.undocumented, "\n".join(load.reads.undocumented)
    assert not outcome.differences, "\n".join(outcome.differences)
    assert load.ledger.items, "nothing was shown: nobody has put anything up"
    assert load.reads.sent, "nothing was shown: nobody has read anything"
