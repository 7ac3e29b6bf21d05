"""A plugin of tox: in the root, `py311` runs `tox -e py311` in each package, `<package>-py311` in one."""

import sys

from tox.config.loader.memory import MemoryLoader
from tox.config.sets import ConfigSet
from tox.config.types import Command
from tox.plugin import impl
from tox.session.state import State
from tox.tox_env.api import ToxEnv
from tox.tox_env.errors import Fail

from workspace import packages, tox_command, tox_envs

ALL = [(folder, name) for folder in packages() for name in tox_envs(folder)]
LABELS = {"test": {"quick", "quick-postgres"}, "check": {"coverage"}}
OF_ROOT = {"lint", "types"}
"""What tox.ini has, too, with dependencies."""


@impl
def tox_extend_envs() -> list[str]:
    return [*(f"{folder.name}-{name}" for folder, name in ALL), *{name: "" for _, name in ALL}]


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    common = {"pass_env": ["*"], "allowlist_externals": [sys.executable], "ignore_errors": True}
    arguments = ["--", *posargs] if (posargs := state.conf.pos_args(None)) else []
    seeds = state.conf.memory_seed_loaders
    for folder, name in ALL:
        call = Command([*tox_command(folder, name), *arguments])
        labels = [label for label, names in LABELS.items() if name in names]
        seeds[f"{folder.name}-{name}"] = [
            MemoryLoader(commands=[call], labels=labels, deps="", **common)
        ]
        if not seeds[name]:  # the root's own commands of that name, in tox.ini, run first
            deps = {} if name in OF_ROOT else {"deps": ""}
            seeds[name].append(MemoryLoader(commands_post=[], **deps, **common))
        seeds[name][0].raw["commands_post"].append(call)


@impl
def tox_before_run_commands(tox_env: ToxEnv) -> None:
    if not tox_env.conf["commands"] + tox_env.conf["commands_post"]:  # such as py399
        raise Fail("there is no such environment; `tox list` shows those that there are")
