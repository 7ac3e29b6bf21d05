"""The parts of `make test`. Standard library only: they run before anything is installed."""
