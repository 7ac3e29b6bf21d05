#!/bin/sh
# A fake Python: records its call, and makes environments that contain itself.
echo "$*" >> "$CALLS"
case "$1" in
-c) [ -z "${VENV_EXIT:-}" ] || exit "$VENV_EXIT" ;;
-m) [ "$2" != venv ] || { mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; } ;;
run.py) echo running ;;
esac
