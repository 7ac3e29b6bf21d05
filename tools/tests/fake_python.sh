#!/bin/sh
# A stand-in for Python that makes environments out of nothing and notes what it is asked for.
echo "$*" >> "$CALLS"
case "$*" in
    -c*venv*) exit "${VENV_EXIT:-0}" ;;
    -c*) exec "$REAL_PYTHON" "$@" ;;
    --version) echo "Python 3.99" ;;
    -m\ venv*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    -m\ tox*"-e run"*)
        rm -rf .tox/run && mkdir -p .tox/run/bin && cp "$0" .tox/run/bin/python
        exit "${TOX_EXIT:-0}"
        ;;
    *tools/run.py) echo "running" ;;
esac
