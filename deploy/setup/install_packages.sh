#!/usr/bin/env bash
# Installs the Debian packages named in the files given, those that are missing only: when all are
# there, nothing is fetched and no root is needed.
set -euo pipefail

wanted=()
for file in "$@"; do
  while read -r package; do
    [[ -z $package || $package == \#* ]] || wanted+=("$package")
  done <"$file"
done

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

sudo=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "error: these packages are missing and installing them needs root: ${missing[*]}" >&2
    echo "       run this as root, or install sudo" >&2
    exit 1
  fi
  sudo=(sudo)
fi
echo "Installing ${#missing[@]} Debian packages …"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${sudo[@]}" apt-get update -qq >"$log" 2>&1 ||
  ! DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "error: apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
