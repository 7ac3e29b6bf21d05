"""What must hold after each fault."""

from trial import Outcome


def assert_documented(outcome: Outcome) -> None:
    """Nothing is lost or held on to, the databases agree, and nobody has seen an undocumented error."""
    __tracebackhide__ = True
    load = outcome.load
    assert not load.ledger.surprises, "\n".join(load.ledger.surprises)
    assert not load.reads.undocumented, "\n".join(load.reads.undocumented)
    assert not outcome.differences, "\n".join(outcome.differences)
    assert load.ledger.items, "nothing was shown: nobody has put anything up"
    assert load.reads.sent, "nothing was shown: nobody has read anything"
