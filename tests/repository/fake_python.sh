#!/bin/sh
# A fake Python: records its call, makes environments that contain itself, and installs itself as uv.
echo "$*" >> "$CALLS"
case "$*" in
-c*) exit "${VENV_EXIT:-0}" ;;
"-m pip --version") exit "${PIP_EXIT:-0}" ;;
"-m venv "*) mkdir -p .tox/bootstrap/bin && cp "$0" .tox/bootstrap/bin/python ;;
"-m pip "*) cp "$0" .tox/bootstrap/bin/uv ;;
run.py*) echo running ;;
esac
