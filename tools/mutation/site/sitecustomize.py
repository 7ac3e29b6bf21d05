"""Python imports this at its start: so the processes that tests start see the mutant too."""

from mutation.swap import install_from_environment

install_from_environment()
