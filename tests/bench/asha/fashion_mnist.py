#!/usr/bin/env python3
"""ASHA against random search and the hand-made default on a real cluster: LeNet on Fashion-MNIST.
Prints JSON; exits with 0 if ASHA ended above both in every seed.

For each seed, on a cluster of two agents with a core each:

    asha     configs/jobs/fashion_mnist_asha.yaml as it is
    random   the same document with `algorithm: random` and no early stopping: whole trials until they
             have spent as many epochs as ASHA did, the last of them to its end
    default  the values of configs/jobs/fashion_mnist_ring.yaml with one worker, as many epochs and
             the same images

A seed is that of the search and of the training. What counts is the validation accuracy of the best
trial after its last epoch. Results are kept in a file; what it has is not run again, so a run may be
made in parts.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from cluster import Cluster  # noqa: E402

SEARCH = "configs/jobs/fashion_mnist_asha.yaml"
DEFAULT = "configs/jobs/fashion_mnist_ring.yaml"
CONTESTANTS = ("asha", "default", "random")  # In this order: random spends what ASHA did.
METRIC = "validation.accuracy"


def native(cluster, document):
    return json.loads(cluster.run("convert", document, "-o", "json").stdout)


def run_job(cluster, document, overrides):
    """What the job's ended trials came to, and the epochs of all of them."""
    job = cluster.submit(document, *overrides)
    begin = time.monotonic()
    ended = cluster.wait(job, 1800)
    assert ended["state"] == "JOB_STATE_SUCCEEDED", ended
    seconds = round(time.monotonic() - begin, 1)
    if "search" not in ended:
        [trial] = ended["trials"]
        return {"accuracy": trial["metrics"][METRIC], "epochs": trial["progress"]["epoch"],
                "seconds": seconds}
    trials = cluster.rest("GET", f"/v1/jobs/{job}/trials")["trials"]
    best = cluster.rest("GET", f"/v1/jobs/{job}/trials/best")
    return {"accuracy": best["objectives"][0],
            "epochs": sum(int(trial["resource"]) for trial in trials),
            "seconds": seconds, "trials": len(trials), "best": best["number"],
            "parameters": best["parameters"], "epochs_of_best": int(best["resource"])}


def contest(cluster, contestant, seed, so_far):
    search = native(cluster, SEARCH)
    epochs = search["train"]["epochs"]
    seeds = [f"train.seed={seed}"]
    if contestant == "default":
        held_out = search["data"]["validation_samples"]
        return run_job(cluster, DEFAULT, ["strategy.workers=1", f"train.epochs={epochs}",
                                          f"data.validation_samples={held_out}", *seeds])
    seeds.append(f"search.seed={seed}")
    if contestant == "random":
        trials = math.ceil(so_far["asha"]["epochs"] / epochs)
        seeds += ["search.algorithm=random", "search.early_stopping.rule=none",
                  f"search.max_trials={trials}"]
    return run_job(cluster, SEARCH, seeds)


def verdict(of_seed):
    ours = of_seed["asha"]["accuracy"]
    return {"over_random": round(ours - of_seed["random"]["accuracy"], 5),
            "over_default": round(ours - of_seed["default"]["accuracy"], 5),
            "epochs_of_random": round(of_seed["random"]["epochs"] / of_seed["asha"]["epochs"], 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--results", type=pathlib.Path, help="keeps what was run, and adds to it")
    settings = parser.parse_args()
    os.environ.setdefault("DL_BINARY_DIR", "build/release/bin")
    results = {}
    if settings.results and settings.results.exists():
        results = json.loads(settings.results.read_text())
    with Cluster(agents=2) as cluster:
        for seed in map(str, settings.seeds):
            so_far = results.setdefault(seed, {})
            for contestant in CONTESTANTS:
                if contestant not in settings.contestants or contestant in so_far:
                    continue
                so_far[contestant] = contest(cluster, contestant, seed, so_far)
                if settings.results:
                    settings.results.write_text(json.dumps(results, indent=2))
        version = cluster.json("version")
    seeds = {seed: results[seed] | {"verdict": verdict(results[seed])}
             for seed in map(str, settings.seeds) if set(results[seed]) == set(CONTESTANTS)}
    wins = sum(min(of_seed["verdict"]["over_random"], of_seed["verdict"]["over_default"]) > 0
               for of_seed in seeds.values())
    print(json.dumps({"bench": "asha/fashion_mnist", "metric": METRIC, "search": SEARCH,
                      "default": DEFAULT, "cores": os.cpu_count(),
                      "versions": {"dlctl": version, "kernel": platform.release(),
                                   "python": platform.python_version()},
                      "seeds": seeds, "wins": wins, "bound": len(settings.seeds)}, indent=2))
    return 0 if wins == len(settings.seeds) else 1


if __name__ == "__main__":
    sys.exit(main())
