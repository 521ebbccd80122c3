#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs Brightline from the bundle that this script lies in. Asks no network.
#
#   sh install.sh TARGET [LOCK]
#
# TARGET is a folder for the virtual environment. LOCK is one of requirements/ (core, guard, demo, prove, otel, encoder,
# all), `core` if not given; `none` where the dependencies are there already. PYTHON names the interpreter (3.11).
#
# First know that the bundle is what was signed: `brightline bundle verify`, or with OpenSSL as the documentation says.
# What is compared here is only that nothing was damaged on the way.
set -eu
target=${1:?usage: sh install.sh TARGET [LOCK]}
lock=${2:-core}
python=${PYTHON:-python3}
case $target in /*) ;; *) target=$PWD/$target ;; esac
cd "$(dirname "$0")"

sed -n '/^[0-9a-f]\{64\}  /p' manifest.note | sha256sum --check --strict --quiet
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Brightline needs Python 3.11 or newer")'
if [ "$lock" != none ] && [ ! -e "requirements/$lock.lock" ]; then
    echo "install.sh: there is no requirements/$lock.lock" >&2
    exit 2
fi

"$python" -m venv "$target"
set -- -r brightline.lock
if [ "$lock" != none ]; then
    set -- -r "requirements/$lock.lock" "$@"
fi
PIP_CONFIG_FILE=/dev/null "$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
    --find-links wheels --only-binary :all: --ignore-installed --no-deps --require-hashes "$@"

mkdir -p "$target/share"
cp -R docs agreements deploy "$target/share/"
if [ "$lock" = guard ]; then
    "$target/bin/python" -m brightline.guard --help >/dev/null
    echo "installed the guard in $target"
else
    "$target/bin/brightline" --version
fi
