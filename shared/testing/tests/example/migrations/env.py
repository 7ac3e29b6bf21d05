from sqlalchemy import MetaData

from chassis.db.migrations import run_environment

run_environment(MetaData())
