"""What the routes and lists of the services cost: `tox -e bench`, `tox -e bench-growth`."""
# needs: users, items
