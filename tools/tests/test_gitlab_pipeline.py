"""The simulation expands a pipeline as GitLab does, and sees a need that dangles."""

from pathlib import Path

import pytest
from gitlab_pipeline import Pipeline, dangling_needs
from gitlab_rules import Event

MAIN = """
include:
  - local: part.yml
    inputs: {name: one}
  - local: part.yml
    inputs: {name: two, also: .when-two}
stages: [test, deploy]
.base:
  image: base
  variables: {A: a, B: b}
  script: [base]
.when-two:
  rules: [{changes: {paths: [two/*], compare_to: refs/heads/main}}]
.never:
  rules: []
deploy:
  stage: deploy
  needs: [test one, {job: test two, optional: true}]
  script: [deploy]
"""
PART = """
spec:
  inputs:
    name:
    also: {default: .never}
---
test $[[ inputs.name ]]:
  extends: [.base]
  stage: test
  variables: {B: own}
  parallel:
    matrix:
      - {PYTHON: ["3.12", "3.13"]}
  rules:
    - changes:
        paths:
          - $[[ inputs.name ]]/*
        compare_to: refs/heads/main
    - !reference ["$[[ inputs.also ]]", rules]
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    (tmp_path / ".gitlab-ci.yml").write_text(MAIN)
    (tmp_path / "part.yml").write_text(PART)
    return Pipeline(tmp_path)


def test_inputs_extends_and_matrix_are_expanded(pipeline: Pipeline) -> None:
    jobs = pipeline.jobs(Event(variables={}, changed=["one/file"]))

    assert list(jobs) == ["test one: [3.12]", "test one: [3.13]", "deploy"]
    job = jobs["test one: [3.13]"]
    assert job.settings["image"] == "base"
    assert job.settings["variables"] == {"A": "a", "B": "own", "PYTHON": "3.13"}
    assert job.script == "base"


def test_a_reference_among_rules_is_flattened(pipeline: Pipeline) -> None:
    assert [len(pipeline.templates[f"test {name}"]["rules"]) for name in ("one", "two")] == [1, 2]


def test_a_need_that_is_not_optional_dangles_without_its_job(pipeline: Pipeline) -> None:
    jobs = pipeline.jobs(Event(variables={}, changed=["two/file"]))

    assert dangling_needs(jobs) == ["deploy needs test one"]
    assert dangling_needs(pipeline.jobs(Event(variables={}, changed=["one/file"]))) == []


@pytest.mark.parametrize("inputs", ["{}", "{name: one, nonesuch: 1}"])
def test_inputs_that_do_not_fit_are_an_error(tmp_path: Path, inputs: str) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text(f"include: [{{local: p.yml, inputs: {inputs}}}]")
    (tmp_path / "p.yml").write_text(PART)

    with pytest.raises((AssertionError, KeyError)):
        Pipeline(tmp_path)
