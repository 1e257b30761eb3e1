#!/usr/bin/env bash
# Puts libtorch into ${XDG_CACHE_HOME:-~/.cache}/dl/libtorch-<version>, once.
#
# The wheels of libtorch.pins are downloaded, checked against their sha256 and unpacked beside the
# final folder, which is renamed into place at the end: the folder is complete or absent. A second
# run finds it and needs no network. Prints the folder.
set -euo pipefail

pins="$(dirname "$(readlink -f "$0")")/libtorch.pins"
version="$(awk '$1 == "torch" {print $2}' "$pins")"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/dl"
target="$cache/libtorch-$version"

fail() {
  echo "fetch_libtorch: $*" >&2
  exit 1
}

# What the build reads; the same question is asked of a cached and of a fresh folder.
complete() {
  [[ -f "$1/torch/include/torch/csrc/api/include/torch/torch.h" &&
     -f "$1/torch/lib/libtorch_cpu.so" && -f "$1/torch/lib/libc10.so" &&
     -e "$1/nvidia/cu13/lib/libcudart.so.13" && -e "$1/nvidia/cu13/lib/libcupti.so.13" ]]
}

if complete "$target"; then
  echo "$target"
  exit 0
fi

command -v python3 >/dev/null || fail "python3 is missing; install the Debian package python3"
python3 -m pip --version >/dev/null 2>&1 ||
  fail "python3 has no pip; install the Debian package python3-pip"
mkdir -p "$cache"
free_mb="$(df -Pm "$cache" | awk 'NR == 2 {print $4}')"
((free_mb > 4000)) || fail "$cache has $free_mb MB free, and unpacking needs 4000; free some space"

# Two runs at once would fetch twice: the second waits, then finds the folder.
exec 9>"$cache/libtorch-$version.lock"
flock 9
if complete "$target"; then
  echo "$target"
  exit 0
fi

work="$(mktemp -d "$cache/.libtorch-$version.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir "$work/wheels" "$work/tree"

platforms=()
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_25 manylinux_2_17 manylinux2014; do
  platforms+=(--platform "${tag}_x86_64")
done

fetch_wheel() {
  local package="$1" wheel_version="$2" sha256="$3" wheels wheel actual
  echo "fetch_libtorch: fetching $package $wheel_version" >&2
  python3 -m pip download --quiet --no-deps --only-binary=:all: --no-cache-dir \
    --disable-pip-version-check --python-version 3.11 --implementation cp --abi cp311 --abi none \
    "${platforms[@]}" --dest "$work/wheels/$package" "$package==$wheel_version" >&2 ||
    fail "could not download $package $wheel_version; check the network and pip's index, then run $0 again"
  wheels=("$work/wheels/$package"/*.whl)
  wheel="${wheels[0]}"
  actual="$(sha256sum "$wheel" | cut -d' ' -f1)"
  [[ "$actual" == "$sha256" ]] ||
    fail "$(basename "$wheel") has sha256 $actual, and $pins asks for $sha256; the download is damaged or not the pinned build"
  # Of the 2 GB in the wheels only the headers, the libraries and CMake's files are kept.
  python3 - "$wheel" "$work/tree" <<'PYTHON'
import sys, zipfile
kept = ("torch/include/", "torch/lib/", "torch/share/", "nvidia/", "torch-", "nvidia_")
with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [n for n in wheel.namelist() if n.startswith(kept) and not n.endswith(".py")]
    wheel.extractall(sys.argv[2], names)
PYTHON
  rm "$wheel"
}

while read -r package wheel_version sha256; do
  [[ -z "$package" || "$package" == \#* ]] || fetch_wheel "$package" "$wheel_version" "$sha256"
done <"$pins"

complete "$work/tree" || fail "the wheels of $pins lack a file the build needs; is a pin wrong?"
rm -rf "$target"  # An incomplete folder of another origin.
mv "$work/tree" "$target"
echo "$target"
