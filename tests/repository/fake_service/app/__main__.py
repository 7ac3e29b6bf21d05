"""A fake service: `python -m app migrate|demo|serve`.

<NAME>_FAKE, a list of words, makes it misbehave.
"""

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

NAME = Path.cwd().name
PREFIX = NAME.upper()
ENDS = {signal.SIGTERM, signal.SIGINT}  # the second is how a reload ends it
FAULTS = os.environ.get(f"{PREFIX}_FAKE", "").split()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if "unready" in FAULTS else 200)
        self.end_headers()
        self.wfile.write(os.environ.get(f"{PREFIX}_DATABASE_URL", "").encode())


def migrate() -> None:
    print("migrating")
    if "bad-migration" in FAULTS:
        sys.exit("no such column: price")


def chat() -> None:
    while True:
        print("and another thing")


def serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ[f"{PREFIX}_PORT"])), Handler)
    if "parent" in FAULTS:
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        print(f"child is process {child.pid}")
    # Waited for, not handled: a handler that starts a thread while another one starts would deadlock.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    print(f"serving as process {os.getpid()}")
    if "chatty" in FAULTS:
        Thread(target=chat, daemon=True).start()
    if "dying" in FAULTS:
        sys.exit("out of luck")
    Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait(ENDS)
    if "deaf" in FAULTS:
        signal.pause()
    print("ended cleanly")


{"migrate": migrate, "demo": lambda: print("demo"), "serve": serve}[sys.argv[1]]()
