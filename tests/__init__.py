"""Tests of the whole repository: end-to-end tests, and tests of what spans the packages."""
