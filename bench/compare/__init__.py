"""The services beside a bare app that does the same work: what the product costs."""
