"""An inline plugin of tox: in the root, `tox -e py311` runs `tox -e py311` in the folder of each package.

`<package>-py311` runs one of them. When tox.ini has commands of that name, the root's own run first.
"""

import sys

import workspace
from tox.config.loader.memory import MemoryLoader
from tox.config.sets import ConfigSet
from tox.config.types import Command
from tox.plugin import impl
from tox.session.state import State

ALL = [(folder, name) for folder in workspace.packages() for name in workspace.tox_envs(folder)]
LABELS = {"quick": "test"} | dict.fromkeys(["py311", "py312", "py313", "coverage"], "check")


@impl
def tox_extend_envs() -> list[str]:
    return [*(f"{folder.name}-{name}" for folder, name in ALL), *{name: "" for _, name in ALL}]


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    common = {"pass_env": ["*"], "allowlist_externals": [sys.executable], "ignore_errors": True}
    posargs = state.conf.pos_args(None) or ()
    together: dict[str, list[Command]] = {}
    for folder, name in ALL:
        call = Command(
            [*workspace.tox_command(folder, name), *(["--", *posargs] if posargs else [])]
        )
        one = MemoryLoader(commands=[call], labels=[LABELS.get(name, "")], **common)
        state.conf.memory_seed_loaders[f"{folder.name}-{name}"].append(one)
        together.setdefault(name, []).append(call)
    for name, calls in together.items():
        state.conf.memory_seed_loaders[name].append(MemoryLoader(commands_post=calls, **common))
