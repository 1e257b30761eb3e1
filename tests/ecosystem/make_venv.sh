#!/usr/bin/env bash
# Makes a virtual environment, once for each content of its requirements. Run again, it does nothing
# and needs no network.
#   make_venv.sh                                        that of the tests: $XDG_CACHE_HOME/dl/venv
#   make_venv.sh tests/bench/requirements.txt bench-venv     that of the benches, with PyTorch
set -euo pipefail
requirements=$(realpath "${1:-$(dirname "$0")/requirements.txt}")
name="${2:-venv}"

cache="${XDG_CACHE_HOME:-$HOME/.cache}/dl"
python="${PYTHON:-python3}"
hash=$(cat "$requirements" <("$python" -V) | sha256sum | cut -c1-12)
venv="$cache/$name-$hash"
mkdir -p "$cache"
exec 9>"$cache/$name.lock"
flock 9  # Two runs at once make it once.

if [[ ! -e "$venv/complete" ]]; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps --no-compile --disable-pip-version-check -r "$requirements"
  touch "$venv/complete"
fi
ln -sfn "$name-$hash" "$cache/$name"
echo "$cache/$name"
