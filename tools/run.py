"""Run both services on this machine until Ctrl-C: `make run`.

USERS_PORT, ITEMS_PORT and DATA_DIR change where; the services' own settings (USERS_…, ITEMS_…) are
handed on to them and win over the defaults given here.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

from runner.errors import RunError, Stopped
from runner.events import Events
from runner.log import Log
from runner.ports import check_ports
from runner.services import prepare_data_dir, read_services
from runner.supervisor import Supervisor
from runner.welcome import welcome

EXIT_STOPPED = 0
EXIT_FAILED = 1
EXIT_KILLED = 130


def run(root: Path, *, grace_seconds: float = 5.0) -> int:
    """Run the services of the repository at `root` until they are stopped or one fails.

    Once asked to end they have `grace_seconds` for it. Returns the exit code.
    """
    events = Events()
    with events.from_signals(), Log(sys.stdout, on_closed=events.stop) as log:
        try:
            data_dir = prepare_data_dir(root, os.environ)
            services = read_services(root, os.environ, data_dir)
            check_ports(services)
            return _supervise(Supervisor(services, log, events, grace_seconds), log)
        except RunError as error:
            failure = error
    with suppress(OSError):
        print(f"\n{failure}", file=sys.stderr)
    return EXIT_FAILED


def _supervise(supervisor: Supervisor, log: Log) -> int:
    try:
        supervisor.migrate()
        supervisor.serve()
        log.say(welcome(supervisor.services))
        supervisor.watch()
    except Stopped:
        log.say("\nEnding both (Ctrl-C again kills them at once).\n")
    finally:
        ended_by_themselves = supervisor.stop()
    return EXIT_STOPPED if ended_by_themselves else EXIT_KILLED


if __name__ == "__main__":
    sys.exit(run(Path(__file__).resolve().parent.parent))
