"""What `tox -e image` does: an image by its commit, what is in it, and how it came about."""
