#!/usr/bin/env python3
"""Where one all-reduce algorithm becomes faster than another: measures worker/collective/crossover.h anew.

Prints one JSON object: for each transport and world the medians of both algorithms, turn by turn,
and the largest size up to which the first is at least as fast. Exits 1 when a size that the worker
would choose by its table is more than TOLERANCE slower than the other algorithm's. Needs
`ninja allreduce_bench`.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import sys

from peers import Ours

ROOT = pathlib.Path(__file__).resolve().parents[3]
KIB = 1 << 10
SIZES = [*(KIB << power for power in range(8)), 192 * KIB]  # Flat has room for just below 256 KiB.
CALLS = 100
# Timings on a machine with other work vary by so much between turns.
TOLERANCE = 1.5
# What is chosen for up to so many bytes and above, by transport and world, as crossover.h and
# CommunicatorOptions::direct_bytes_max have it.
TABLE = {"shm": ("flat", "staged", lambda world: 128 * KIB if world <= 2 else 16 * KIB),
         "tcp": ("direct", "ring or two_shot", lambda world: 4 * KIB)}


def kinds_of(transport, world):
    """Both algorithms, by the names that the bench's ranks know."""
    return [kind if kind != "ring or two_shot" else "ring" if world <= 2 else "two_shot"
            for kind in TABLE[transport][:2]]


def measure(program, transport, world, rounds):
    """{algorithm: {size: median seconds}}."""
    times = {kind: {size: [] for size in SIZES} for kind in kinds_of(transport, world)}
    option = "auto" if transport == "shm" else "tcp"
    with contextlib.closing(Ours(program, world, option)) as ours:
        for _ in range(rounds):
            for size in SIZES:
                for kind, of in times.items():
                    of[size].append(ours.round({size: CALLS}, kind=kind)[size])
    return {kind: {size: statistics.median(all_of) for size, all_of in of.items()}
            for kind, of in times.items()}


def compare(transport, world, medians):
    """The row of the report, and the sizes for which the table is wrong."""
    (small, large), limit = kinds_of(transport, world), TABLE[transport][2]
    faster = [size for size in SIZES if medians[small][size] <= medians[large][size]]
    row = {"transport": transport, "world": world, "table_bytes": limit(world),
           "measured_bytes": max(faster, default=0),
           "median_us": {kind: {size: round(of[size] * 1e6, 2) for size in SIZES}
                         for kind, of in medians.items()}}
    wrong = []
    for size in SIZES:
        chosen, other = (small, large) if size <= limit(world) else (large, small)
        ratio = medians[chosen][size] / medians[other][size]
        if ratio > TOLERANCE:
            wrong.append(f"{transport}, world {world}, {size} bytes: {chosen} takes {ratio:.2f} x "
                         f"the time of {other}")
    return row, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "build/release/tests/allreduce_bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worlds", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--transports", nargs="+", default=list(TABLE), choices=list(TABLE))
    settings = parser.parse_args()
    rows, wrong, load = [], [], os.getloadavg()
    for transport in settings.transports:
        for world in settings.worlds:
            row, below = compare(transport, world,
                                 measure(settings.program, transport, world, settings.rounds))
            rows.append(row)
            wrong += below
    print(json.dumps({"name": "allreduce_crossover", "cores": os.cpu_count(), "load_before": load,
                      "rounds": settings.rounds, "tolerance": TOLERANCE, "rows": rows,
                      "table_wrong_for": wrong}, indent=1))
    for line in wrong:
        print("crossover:", line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
