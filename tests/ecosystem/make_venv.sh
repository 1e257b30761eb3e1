#!/usr/bin/env bash
# Makes the virtual environment of the tests, $XDG_CACHE_HOME/dl/venv, once for each content of
# requirements.txt. Run again, it does nothing and needs no network.
set -euo pipefail
cd "$(dirname "$0")"

cache="${XDG_CACHE_HOME:-$HOME/.cache}/dl"
python="${PYTHON:-python3}"
hash=$(cat requirements.txt <("$python" -V) | sha256sum | cut -c1-12)
venv="$cache/venv-$hash"
mkdir -p "$cache"
exec 9>"$cache/venv.lock"
flock 9  # Two runs at once make it once.

if [[ ! -e "$venv/complete" ]]; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps --no-compile --disable-pip-version-check -r requirements.txt
  touch "$venv/complete"
fi
ln -sfn "venv-$hash" "$cache/venv"
echo "$cache/venv"
