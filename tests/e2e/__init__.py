"""End-to-end tests: workflows, faults and chaos, on processes and on containers.

They import no service: each runs with the interpreter of its own environment (`workspace.Service.python`).
"""
