#!/usr/bin/env bash
# Installs what the tests need, builds, and runs all of them through CTest.
#
#   ./test.sh                 everything but what is labelled `nightly`
#   ./test.sh -L sim          arguments go to ctest
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s (%ds)\n' "$1" "$SECONDS"; }

step "packages"
deploy/setup/install_packages.sh deploy/setup/build_packages.txt deploy/setup/test_packages.txt
step "libtorch"
cmake/fetch_libtorch.sh
step "python clients and frameworks for the tests"
tests/ecosystem/make_venv.sh
step "build"
cmake --preset release -DDL_BUILD_TESTS=ON >build.log 2>&1 || { cat build.log; exit 1; }
cmake --build --preset release >build.log 2>&1 || { grep -vE '^\[[0-9]+/' build.log | tail -n 60; exit 1; }
rm -f build.log
step "tests"
selection=("$@")
[[ ${#selection[@]} -gt 0 ]] || selection=(-LE nightly)
ctest --test-dir build/release --output-on-failure --no-tests=error -j 2 "${selection[@]}"
