#!/usr/bin/env bash
# The tarball that CPack makes runs from any folder: package_test.sh BUILD_DIR
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cpack --config "$build/CPackConfig.cmake" -B "$work/package" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mkdir "$work/elsewhere"
tar -xzf "$work"/package/*.tar.gz -C "$work/elsewhere" --strip-components=1
bin="$work/elsewhere/bin"
for program in dlctl dl-coordinatord dl-agentd dl-supervisor dl-stand-in dl-worker; do
  [[ -x $bin/$program ]] || { echo "the package lacks bin/$program"; exit 1; }
done
! readelf -d "$bin"/* 2>/dev/null | grep -q "$build" || { echo "a binary points into $build"; exit 1; }
XDG_CONFIG_HOME=$work "$bin/dlctl" validate "$work/elsewhere/share/dl/jobs/fashion_mnist_ring.yaml"
"$bin/dl-coordinatord" --version
"$bin/dl-agentd" --version
"$bin/dl-worker" --version
