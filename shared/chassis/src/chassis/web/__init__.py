"""HTTP in, HTTP out: the app, its middleware, errors and fields."""
