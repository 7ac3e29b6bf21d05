"""The repository, as the tests of its pipelines look at it: read once."""

from affected.derivation import derive
from affected.files import tracked_files
from gitlab_pipeline import Pipeline
from running import TOOLS

ROOT = TOOLS.parent
FILES = tracked_files(ROOT)
GRAPH = derive(ROOT)
PIPELINE = Pipeline(ROOT)
