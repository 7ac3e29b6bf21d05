"""A stand-in for tox: notes each call, and lets every step pass.

A file `fault-<environment>` in the folder that it is called in makes a step misbehave, and
`report-coverage` is what the measured tests of a package report.
"""

import json
import os
import signal
import sys
from pathlib import Path

REPORT = """<testsuites><testsuite>
  <testcase classname="tests.test_it" name="test_good"/>
  <testcase classname="tests.test_it" name="test_late"><skipped message="no time"/></testcase>
  {more}
</testsuite></testsuites>"""
FAILED = '<testcase classname="tests.test_it" name="test_bad"><failure message="no"/></testcase>'

environment = sys.argv[sys.argv.index("-e") + 1]
options = sys.argv[sys.argv.index("--") + 1 :]
reports = [Path(option.partition("=")[2]) for option in options if option.startswith("--junitxml")]
fault_file = Path(f"fault-{environment}")
fault = fault_file.read_text() if fault_file.exists() else ""

with Path(os.environ["CALLS"]).open("a") as calls:
    call = {
        "folder": Path.cwd().name,
        "environment": environment,
        "recreate": "--recreate" in sys.argv,
        "options": [option for option in options if not option.startswith("--junitxml")],
        "postgres": os.environ.get("TEST_POSTGRES_URL"),
    }
    print(json.dumps(call), file=calls)

print(f"what {environment} wrote in {Path.cwd().name}", flush=True)
if fault == "hang":
    Path("hangs").touch()
    signal.pause()
if environment == "coverage" and Path("report-coverage").exists():
    Path("services/users/report.xml").write_text(Path("report-coverage").read_text())
if fault != "crash":
    for report in reports:
        report.write_text(REPORT.format(more=FAILED if fault else ""))
sys.exit(bool(fault))
