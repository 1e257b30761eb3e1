#!/usr/bin/env python3
"""Our all-reduce beside Gloo and Open MPI: same machine, same run, turn by turn.

  allreduce_bench.py --mode tcp     TCP forced, on one host; also against a ring that only copies
  allreduce_bench.py --mode auto    the transport that ranks of one host choose by themselves
  allreduce_bench.py --mode netns   4 network namespaces at 1 Gb/s, against 2(n-1)/n S/B (as root)

Prints one JSON object with medians over the rounds; exits 1 when a ratio is below its figure. Needs
`ninja allreduce_bench`, Debian's openmpi-bin and libopenmpi-dev, and for netns iproute2.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

from peers import Gloo, OpenMpi, Ours

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from namespaces import Namespaces  # noqa: E402

ROOT = HERE.parents[2]
KIB, MIB = 1 << 10, 1 << 20
# Calls in one round, by size in bytes.
ORDERS = {4 * KIB: 200, 256 * KIB: 100, 1 * MIB: 50, 4 * MIB: 25, 25 * MIB: 7, 100 * MIB: 5}
CAPPED_ORDERS = {4 * MIB: 5, 25 * MIB: 3, 100 * MIB: 1}
CAPPED_WORLD = 4
CAPPED_RATIO = 0.95


def figures(mode, size):
    """The least time of a peer that ours may take for 1, by peer: our aims."""
    if mode == "tcp":
        aims = {"gloo": 1.3, "openmpi": 1.0, "copy": 0.85}
        return aims if size >= MIB else {}
    aims = {}
    if size >= 4 * MIB:
        aims["gloo"] = 3
    if size >= 256 * KIB:
        aims["openmpi"] = 1.5 if size >= 100 * MIB else 1.0
    if size <= 4 * KIB:
        aims = {"gloo": 20, "openmpi": 1 / 1.5}
    return aims


def measure(peers, orders, rounds):
    """{peer: {size: [seconds of each round]}}, A B A B."""
    times = {name: {size: [] for size in orders} for name in peers}
    for _ in range(rounds):
        for name, take_round in peers.items():
            for size, seconds in take_round(orders).items():
                times[name][size].append(seconds)
    return times


def row_of(world, size, times, aims):
    """One line of the report, and what falls short in it."""
    median = {name: statistics.median(of[size]) for name, of in times.items()}
    row = {"world": world, "bytes": size,
           "bus_gb_s": round(2 * (world - 1) / world * size / median["ours"] / 1e9, 3)}
    for name, of in times.items():
        row[name] = {"median_ms": round(median[name] * 1e3, 4),
                     "min_ms": round(min(of[size]) * 1e3, 4),
                     "max_ms": round(max(of[size]) * 1e3, 4)}
    ratios = {name: median[name] / median["ours"] for name in times if name != "ours"}
    row["ratio"] = {name: round(ratio, 3) for name, ratio in ratios.items()}
    row["bound"] = aims
    short = [f"world {world}, {size} bytes: {ratios[name]:.2f} x {name}, aim {aim:.2f}"
             for name, aim in aims.items() if ratios[name] < aim]
    return row, short


def run_one_host(settings):
    rows, short, versions = [], [], {}
    orders = {size: ORDERS[size] for size in settings.sizes}
    for world in settings.worlds:
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(contextlib.closing(
                Ours(settings.program, world, settings.mode, settings.rank_options)))
            peers = {"ours": ours.round}
            if settings.mode == "tcp":
                peers["copy"] = lambda orders: ours.round(orders, kind="copy")
            if "gloo" in settings.peers:
                gloo = stack.enter_context(contextlib.closing(Gloo(settings.python, world)))
                peers["gloo"], versions["gloo"] = gloo.round, gloo.version
            if "openmpi" in settings.peers:
                transport = "tcp" if settings.mode == "tcp" else "vader"
                mpi = stack.enter_context(contextlib.closing(OpenMpi(world, transport)))
                peers["openmpi"], versions["openmpi"] = mpi.round, mpi.version
            times = measure(peers, orders, settings.rounds)
        for size in orders:
            aims = figures(settings.mode, size)
            row, below = row_of(world, size, times, {n: a for n, a in aims.items() if n in times})
            rows.append(row)
            short += below
    return rows, short, versions


def run_capped(settings):
    rows, short = [], []
    world, rate = CAPPED_WORLD, settings.rate_bps
    with Namespaces(world, rate, settings.mtu) as namespaces, contextlib.closing(
            Ours(settings.program, world, "tcp", settings.rank_options, namespaces)) as ours:
        times = measure({"ours": ours.round}, CAPPED_ORDERS, settings.rounds)
    for size in CAPPED_ORDERS:
        # What was left in the bucket beforehand is not counted as speed.
        bound = (2 * (world - 1) / world * size - Namespaces.BUCKET_BYTES) / (rate / 8)
        row, _ = row_of(world, size, times, {})
        row |= {"bound_ms": round(bound * 1e3, 4), "bound": {"bound": CAPPED_RATIO}}
        ratio = bound / statistics.median(times["ours"][size])
        row["ratio"] = {"bound": round(ratio, 4)}
        rows.append(row)
        if ratio < CAPPED_RATIO:
            short.append(f"{size} bytes: {ratio:.3f} of the bound, aim {CAPPED_RATIO}")
    return rows, short, {}


def torch_python():
    made = subprocess.run([ROOT / "tests/ecosystem/make_venv.sh", HERE.parent / "requirements.txt",
                           "bench-venv"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(made.stdout.strip()) / "bin/python"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=["tcp", "auto", "netns"], default="auto")
    parser.add_argument("--program", default=ROOT / "build/release/tests/allreduce_bench",
                        type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worlds", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(ORDERS), choices=list(ORDERS),
                        metavar="BYTES")
    parser.add_argument("--peers", nargs="*", default=["gloo", "openmpi"],
                        choices=["gloo", "openmpi"])
    parser.add_argument("--rate-bps", type=int, default=10**9, help="netns: of each namespace's link")
    parser.add_argument("--mtu", type=int, default=9000, help="netns: of each link")
    parser.add_argument("--rank-options", nargs=argparse.REMAINDER, default=[],
                        help="the rest of the line goes to our ranks")
    return parser.parse_args()


def main():
    settings = parse_arguments()
    load = os.getloadavg()
    if settings.mode != "netns" and "gloo" in settings.peers:
        settings.python = torch_python()
    run = run_capped if settings.mode == "netns" else run_one_host
    rows, short, versions = run(settings)
    versions |= {"kernel": platform.release(), "python": platform.python_version()}
    report = {"name": "allreduce", "mode": settings.mode, "cores": os.cpu_count(),
              "rounds": settings.rounds, "load_before": load, "versions": versions, "rows": rows,
              "below_figure": short}
    if settings.mode == "netns":
        report["link"] = {"rate_bps": settings.rate_bps, "mtu": settings.mtu}
    print(json.dumps(report, indent=1))
    for line in short:
        print("allreduce_bench:", line, file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
