"""Mutation testing: change the code on purpose, one place at a time, and see which tests notice."""
