#!/bin/sh
# Make the environment that holds tox in the folder $1, with nothing but a Python and its venv module.
# $PYTHON names the interpreter; else it's the first that will do.
set -eu

folder=$1
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- python3 python3.13 python3.12 python3.11
fi

is_new_enough() {
    # Run, not only looked up: a version manager's shim may exist and yet not work.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

can_make_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

fail() {
    echo "$1" >&2
    exit 1
}

python= incomplete=
for candidate in "$@"; do
    is_new_enough "$candidate" || continue
    if can_make_environments "$candidate"; then
        python=$candidate
        break
    fi
    incomplete=${incomplete:-$candidate}
done

if [ -z "$python" ] && [ -n "$incomplete" ]; then
    version=$("$incomplete" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    fail "$incomplete lacks its venv module; install it (on Debian and Ubuntu: apt install python$version-venv) and try again."
elif [ -z "$python" ] && [ -n "${PYTHON:-}" ]; then
    fail "PYTHON=$PYTHON is not a Python 3.11 or newer that runs; name one that is, or leave PYTHON unset."
elif [ -z "$python" ]; then
    fail "Python 3.11 or newer is needed, and none of $* is one that runs; install it, or name it: PYTHON=python3.14 make ..."
fi

echo "Preparing tox with $("$python" --version) ..."
"$python" -m venv --clear "$folder"
exec "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt tox tox-uv
