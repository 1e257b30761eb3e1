#!/usr/bin/env bash
# From a fresh Debian 12 machine to a distributed training run: installs, builds, starts a cluster
# of one machine, trains on Fashion-MNIST with two workers. Run it again at any time: what is there
# is used, and nothing is fetched twice.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n\033[1m== %s\033[0m\n' "$1"; }
[[ -t 1 ]] || step() { printf '\n== %s\n' "$1"; }

step "1/5  Debian packages"
deploy/setup/install_packages.sh deploy/setup/build_packages.txt
step "2/5  libtorch"
cmake/fetch_libtorch.sh
step "3/5  Build"
log=build/quickstart.log
mkdir -p build
if ! { cmake --preset release -DDL_BUILD_TESTS=OFF && cmake --build --preset release; } >"$log" 2>&1; then
  grep -E 'error|Error|FAILED' "$log" | head -n 20 >&2
  echo "error: the build failed; the whole log is in $log" >&2
  exit 1
fi
echo "Binaries are in build/release/bin."
export PATH="$PWD/build/release/bin:$PATH"

step "4/5  A cluster on this machine: one coordinator, two agents"
dlctl dev up --agents 2

step "5/5  Two workers train a convolutional network on Fashion-MNIST by ring all-reduce"
dlctl submit configs/jobs/fashion_mnist_ring.yaml --follow

cat <<'END'

Next, with the binaries on your PATH:
  export PATH="$PWD/build/release/bin:$PATH"
  dlctl logs latest                 the workers' output
  dlctl metrics latest train.loss   the loss as a curve
  dlctl submit configs/jobs/fashion_mnist_ring.yaml --set train.learning_rate=0.1 --follow
  dlctl status                      the cluster
  dlctl dev down                    stop it
END
