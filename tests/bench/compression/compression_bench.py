#!/usr/bin/env python3
"""How much sooner a step's gradients are there when they are compressed, and at what accuracy.

  compression_bench.py steps      4 network namespaces, each capped at 1 Gb/s (as root), against plain
                                  float32; PyTorch DDP's own hooks beside, in the same namespaces
  compression_bench.py accuracy   Fashion-MNIST, 4 workers, 5 seeds, against plain float32

Prints one JSON object; exits 1 when something is below its figure. Needs `ninja compression_bench
compression_accuracy`, and for steps iproute2.
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "support"))
from namespaces import Namespaces  # noqa: E402
from ranks import Ranks  # noqa: E402

WORLD = 4
PORT = 20000
# How many times sooner than float32 a step has to be there.
SPEEDUPS = {"fp16": 1.9, "bf16": 1.9, "top_k": 5.0, "power_sgd": 5.0, "int8": None}
# Of DDP.
HOOKS = ["none", "fp16", "power_sgd"]
# Its power_sgd has to be asked for: over Gloo it may end with "data size doesn't match".
USUAL_HOOKS = ["none", "fp16"]
# The most that the mean accuracy over the seeds may be below that of plain gradients.
ACCURACY_LOSS_MAX = 0.005


class Ours:
    """Processes that stay; all compressors take turns in them."""

    def __init__(self, program, namespaces):
        peers = ",".join(f"{address}:{PORT}" for address in namespaces.addresses)
        self.ranks = Ranks([
            namespaces.inside(rank, [str(program), "--rank", str(rank), "--peers", peers])
            for rank in range(WORLD)])

    def steps(self, name, count):
        for process in self.ranks.processes:
            process.stdin.write(f"{name} {count}\n")
        _, sent, seconds = self.ranks.answer()
        return float(seconds), int(sent)


class Ddp(Ours):
    """DistributedDataParallel over Gloo; one gang a hook, for a hook stays with its model."""

    def __init__(self, python, hook, port, namespaces):
        host = namespaces.addresses[0]
        self.ranks = Ranks([
            namespaces.inside(rank, ["env", "GLOO_SOCKET_IFNAME=eth0", str(python),
                                     str(HERE / "ddp_rank.py"), str(rank), str(WORLD), host,
                                     str(port), hook])
            for rank in range(WORLD)])
        self.version = self.ranks.answer()[1]


def torch_python():
    made = subprocess.run([ROOT / "tests/ecosystem/make_venv.sh", HERE.parent / "requirements.txt",
                           "bench-venv"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(made.stdout.strip()) / "bin/python"


def run_steps(settings):
    names = ["none", *SPEEDUPS]
    times = {name: [] for name in names}
    peer_times = {hook: [] for hook in settings.hooks}
    sent, versions = {}, {}
    python = torch_python() if settings.hooks else None
    with contextlib.ExitStack() as stack:
        namespaces = stack.enter_context(Namespaces(WORLD, settings.rate_bps, settings.mtu))
        ours = Ours(settings.program, namespaces)
        stack.callback(ours.ranks.close)
        peers = {}
        for index, hook in enumerate(settings.hooks):
            peers[hook] = Ddp(python, hook, PORT + 1 + index, namespaces)
            stack.callback(peers[hook].ranks.close)
            versions["torch"] = peers[hook].version
        for _ in range(settings.rounds):
            for name in names:
                seconds, sent[name] = ours.steps(name, settings.steps)
                times[name].append(seconds)
            for hook, peer in peers.items():
                peer_times[hook].append(peer.steps(hook, settings.steps)[0])
    median = {name: statistics.median(of) for name, of in times.items()}
    rows, short = [], []
    for name in names:
        ratio = median["none"] / median[name]
        aim = SPEEDUPS.get(name)
        rows.append({"compression": name, "median_ms": round(median[name] * 1e3, 2),
                     "min_ms": round(min(times[name]) * 1e3, 2),
                     "max_ms": round(max(times[name]) * 1e3, 2), "bytes_sent": sent[name],
                     "ratio": round(ratio, 3), "bound": aim})
        if aim and ratio < aim:
            short.append(f"{name}: {ratio:.2f} x sooner than float32, aim {aim}")
    ddp = {hook: statistics.median(of) for hook, of in peer_times.items()}
    peer_rows = [{"ddp_hook": hook, "median_ms": round(of * 1e3, 2),
                  "ratio_to_ours": round(of / median[hook], 3)} for hook, of in ddp.items()]
    return {"link": {"rate_bps": settings.rate_bps, "mtu": settings.mtu}, "rows": rows,
            "peers": peer_rows}, short, versions


def run_accuracy(settings):
    accuracies = {}
    for name in ["none", *SPEEDUPS]:
        for seed in range(1, settings.seeds + 1):
            done = subprocess.run([settings.accuracy_program, "--compression", name, "--seed",
                                   str(seed), "--workers", str(WORLD)],
                                  stdout=subprocess.PIPE, text=True, check=True, timeout=600)
            accuracies.setdefault(name, []).append(json.loads(done.stdout)["accuracy"])
    plain = statistics.mean(accuracies["none"])
    rows, short = [], []
    for name, of in accuracies.items():
        loss = plain - statistics.mean(of)
        rows.append({"compression": name, "accuracy": [round(a, 4) for a in of],
                     "mean": round(statistics.mean(of), 4), "below_plain": round(loss, 4),
                     "bound": ACCURACY_LOSS_MAX})
        if loss > ACCURACY_LOSS_MAX:
            short.append(f"{name}: {100 * loss:.2f} points below plain gradients, at most "
                         f"{100 * ACCURACY_LOSS_MAX}")
    return {"rows": rows}, short, {}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["steps", "accuracy"])
    parser.add_argument("--program", default=ROOT / "build/release/tests/compression_bench")
    parser.add_argument("--accuracy-program",
                        default=ROOT / "build/release/tests/compression_accuracy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of each round")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--hooks", nargs="*", default=USUAL_HOOKS, choices=HOOKS)
    parser.add_argument("--rate-bps", type=int, default=10**9, help="of each namespace's link")
    parser.add_argument("--mtu", type=int, default=9000, help="of each link")
    settings = parser.parse_args()
    load = os.getloadavg()
    run = run_steps if settings.part == "steps" else run_accuracy
    report, short, versions = run(settings)
    versions |= {"kernel": platform.release(), "python": platform.python_version()}
    print(json.dumps({"name": "compression", "part": settings.part, "world": WORLD,
                      "cores": os.cpu_count(), "load_before": load, "versions": versions,
                      **report, "below_figure": short}, indent=1))
    for line in short:
        print("compression_bench:", line, file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
