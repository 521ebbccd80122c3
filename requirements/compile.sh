#!/usr/bin/env bash
# Recompute the hash-locked requirement files. Needs uv. --upgrade, because uv otherwise keeps old pins.
set -euo pipefail
cd "$(dirname "$0")/.."
flags=(--quiet --generate-hashes --python-version 3.11 --no-annotate --no-header --no-emit-index-url --override requirements/overrides.txt)
echo uv | uv pip compile "${flags[@]}" --upgrade - -o requirements/uv.lock
uv pip compile "${flags[@]}" --upgrade pyproject.toml --extra dev --extra demo --extra prove --extra otel --extra encoder --extra judge --extra console -o requirements/all.lock
uv pip compile "${flags[@]}" pyproject.toml -c requirements/all.lock -o requirements/core.lock
uv pip compile "${flags[@]}" pyproject.toml --extra demo -c requirements/all.lock -o requirements/demo.lock
uv pip compile "${flags[@]}" pyproject.toml --extra encoder -c requirements/all.lock -o requirements/encoder.lock
uv pip compile "${flags[@]}" pyproject.toml --extra judge -c requirements/all.lock -o requirements/judge.lock
uv pip compile "${flags[@]}" pyproject.toml requirements/persons.in --override requirements/persons-overrides.txt --extra persons -c requirements/all.lock -o requirements/persons.lock
uv pip compile "${flags[@]}" pyproject.toml --extra console -c requirements/all.lock -o requirements/console.lock
uv pip compile "${flags[@]}" pyproject.toml --extra otel -c requirements/all.lock -o requirements/otel.lock
uv pip compile "${flags[@]}" pyproject.toml --extra prove -c requirements/all.lock -o requirements/prove.lock
uv pip compile "${flags[@]}" pyproject.toml --extra ray -c requirements/all.lock -o requirements/ray.lock
uv pip compile "${flags[@]}" requirements/guard.in -c requirements/all.lock -o requirements/guard.lock
