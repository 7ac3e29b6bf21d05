"""A bare app, without anything that the product adds: what its routes are compared with."""
