#!/bin/sh
# A Python of the test's making: notes its call, and makes environments that hold itself.
echo "$*" >> "$CALLS"
case "$1" in
-c) [ -z "${VENV_EXIT:-}" ] || exit "$VENV_EXIT" ;;
-m) [ "$2" != venv ] || { mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; } ;;
run.py) echo running ;;
esac
