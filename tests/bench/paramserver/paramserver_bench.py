#!/usr/bin/env python3
"""The parameter servers against the bounds of the network and of a processor, and TensorFlow's.

  paramserver_bench.py --part dense    push and pull of 100 MB, 4 workers, 2 servers, each in a
                                       network namespace capped at 1 Gb/s both ways (as root)
  paramserver_bench.py --part sparse   rows of 64 bytes, pulled and pushed, over loopback
  paramserver_bench.py --part training   images/s of a job, against TensorFlow's
                                       ParameterServerStrategy (training.py)
  paramserver_bench.py --part recovery   seconds from the kill of a server to its workers' next step
                                       (recovery.py)

With M bytes of parameters, n workers, k servers and links of B bytes a second, no push can take less
than max(M/B, n M/(k B)): what a worker's link has to carry, and what a server's. A pull is the same
the other way. Links are full duplex, so that a push and a pull together need take no longer.

Prints one JSON object with medians over the rounds; exits 1 below a figure. Needs
`ninja paramserver_bench`, for `dense` iproute2, and for `training` the cluster's programs and a
Python with TensorFlow: tests/ecosystem/make_venv.sh makes it.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
sys.path.insert(0, str(HERE.parent / "support"))
import recovery  # noqa: E402
import training  # noqa: E402
from namespaces import Namespaces, run  # noqa: E402

DENSE = {"workers": 4, "servers": 2, "elements": 25_000_000}
DENSE_RATIO = 0.90
SPARSE = {"workers": 2, "servers": 1, "rows": 1_000_000, "columns": 16, "batch": 50_000}
SPARSE_KEYS = 1_000_000  # Pairs of a pull and a push, for each second of a server's processor time.


class CappedBothWays(Namespaces):
    """What a namespace receives is capped like what it sends: by its port of the bridge."""

    def make(self):
        super().make()
        for index in range(len(self.names)):
            run("tc", "-n", self.bridge, "qdisc", "add", "dev", f"port{index}", "root", "tbf",
                "rate", f"{self.rate_bps}bit", "burst", str(self.BUCKET_BYTES), "latency", "50ms")


def run_gang(settings, workers, servers, options, namespaces=None):
    """The JSON object of every rank."""
    world = workers + servers
    base = random.randint(20000, 30000)
    hosts = namespaces.addresses if namespaces else ["127.0.0.1"] * world
    peers = [f"{host}:{base + rank}" for rank, host in enumerate(hosts[:world])]
    processes = []
    with tempfile.TemporaryDirectory(prefix="dl-paramserver-bench-") as folder:
        for rank in range(world):
            command = [str(settings.program), "--rank", str(rank), "--workers", str(workers),
                       "--rounds", str(settings.rounds), "--peers", ",".join(peers)]
            for name, value in options.items():
                command += [f"--{name}", str(value)]
            if rank >= workers and settings.durable:
                command += ["--folder", folder]
            if namespaces:
                command = namespaces.inside(rank, command)
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        try:
            outputs = [process.communicate(timeout=170)[0] for process in processes]
        finally:
            for process in processes:
                process.kill()
    if any(process.returncode != 0 for process in processes):
        sys.exit("paramserver_bench: a rank failed; its message is above")
    return [json.loads(output) for output in outputs]


def spread(values):
    return {"median": round(statistics.median(values), 4), "min": round(min(values), 4),
            "max": round(max(values), 4)}


def measure_dense(settings):
    workers, servers, elements = DENSE["workers"], DENSE["servers"], DENSE["elements"]
    bytes_per_second = settings.rate_bps / 8
    size = 4 * elements
    bound = max(size / bytes_per_second, workers * size / (servers * bytes_per_second))
    rows, short = [], []
    with CappedBothWays(workers + servers, settings.rate_bps, settings.mtu) as namespaces:
        for call, consistency in settings.dense_calls:
            ranks = run_gang(settings, workers, servers,
                             {"call": call, "consistency": consistency, "elements": elements},
                             namespaces)
            # A round is over when the slowest worker's is.
            seconds = [max(times) for times in zip(*(rank["seconds"] for rank in ranks[:workers]))]
            ratio = bound / statistics.median(seconds)
            rows.append({"call": call, "consistency": consistency, "seconds": spread(seconds),
                         "bound_seconds": bound, "ratio": round(ratio, 4)})
            if ratio < DENSE_RATIO:
                short.append(f"{call}, {consistency}: {ratio:.3f} of the bound, aim {DENSE_RATIO}")
    return {"bytes": size, "workers": workers, "servers": servers, "durable": settings.durable,
            "link": {"rate_bps": settings.rate_bps, "mtu": settings.mtu},
            "bound": "max(M/B, n M/(k B)) in each direction", "rows": rows}, short


def measure_sparse(settings):
    options = {name: SPARSE[name] for name in ("rows", "columns", "batch")}
    rows, short = [], []
    for consistency in ("asynchronous", "synchronous"):
        ranks = run_gang(settings, SPARSE["workers"], SPARSE["servers"],
                         {"call": "rows", "consistency": consistency, **options})
        servers = ranks[SPARSE["workers"]:]
        pairs = sum(min(one["rows_pushed"], one["rows_pulled"]) for one in servers)
        rate = pairs / sum(one["processor_seconds"] for one in servers)
        rows.append({"consistency": consistency, "keys_per_processor_second": round(rate),
                     "round_seconds": spread(ranks[0]["seconds"])})
        if rate < SPARSE_KEYS:
            short.append(f"rows, {consistency}: {rate:.0f} keys/s, aim {SPARSE_KEYS}")
    return {"table": SPARSE, "durable": settings.durable,
            "counting": "user and system time of the server's process from its start to its end, "
                        "TCP over loopback included; a key counts once for a pull and a push",
            "rows": rows}, short


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["dense", "sparse", "training", "recovery"],
                        required=True)
    parser.add_argument("--program", default=ROOT / "build/release/tests/paramserver_bench",
                        type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate-bps", type=int, default=10**9)
    parser.add_argument("--mtu", type=int, default=9000)
    parser.add_argument("--calls", nargs="+", default=["push_pull", "push", "pull"])
    parser.add_argument("--consistencies", nargs="+", default=["synchronous", "asynchronous"])
    parser.add_argument("--volatile", dest="durable", action="store_false",
                        help="servers keep no state in files")
    parser.add_argument("--binaries", default=ROOT / "build/release/bin", type=pathlib.Path,
                        help="of the cluster, for training and recovery")
    for_training = parser.add_argument_group("training")
    for_training.add_argument("--python", default=CACHE / "dl/venv/bin/python", type=pathlib.Path,
                              help="with tests/ecosystem/requirements.txt")
    for_training.add_argument("--workers", type=int, default=2)
    for_training.add_argument("--servers", type=int, default=1)
    for_training.add_argument("--batch", type=int, default=32, help="of a worker")
    for_training.add_argument("--steps", type=int, default=900, help="of each worker, in a round")
    for_training.add_argument("--tensorflow-steps", type=int, default=20,
                              help="in one scheduled tf.function")
    settings = parser.parse_args()
    settings.dense_calls = [(call, consistency) for consistency in settings.consistencies
                            for call in settings.calls]
    return settings


def main():
    settings = parse_arguments()
    load = os.getloadavg()
    measure = {"dense": measure_dense, "sparse": measure_sparse, "training": training.measure,
               "recovery": recovery.measure}
    report, short = measure[settings.part](settings)
    print(json.dumps({"name": "paramserver", "part": settings.part, "cores": os.cpu_count(),
                      "rounds": settings.rounds, "load_before": load,
                      "versions": {"kernel": platform.release(),
                                   "python": platform.python_version()},
                      **report, "below_figure": short}, indent=1))
    for line in short:
        print("paramserver_bench:", line, file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
