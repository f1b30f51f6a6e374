#!/bin/sh
# Compile requirements/*.lock from pyproject.toml, for all supported Pythons and systems at once (`make lock`).
# What is locked stays as it is unless pyproject.toml asks for more; UPGRADE=1 takes the newest that it allows.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check "uv==$UV_VERSION"

compile() {
    set_name=$1
    shift
    "$work/venv/bin/uv" pip compile -q ${UPGRADE:+--upgrade} --generate-hashes --universal --python-version 3.11 \
        --no-emit-index-url --no-header --no-annotate pyproject.toml "$@" -o "requirements/$set_name.lock"
}

# Each set holds the one before it to the same versions.
compile runtime
compile local --extra local -c requirements/runtime.lock
compile dev --extra local --group dev -c requirements/local.lock
git --no-pager diff --stat -- requirements
