from tests.example.models import Base

from chassis.db.migrations import run_environment

run_environment(Base.metadata)
