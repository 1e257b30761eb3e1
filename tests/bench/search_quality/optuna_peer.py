"""Runs Optuna's samplers over the objectives and keeps what they found: `optuna_peer.py CACHE`.

A run is known by its objective, sampler and seed, and is the same every time for the same versions;
so each is run once and appended to the cache, and a run that was cut off goes on where it was.
Options: --samplers tpe,cmaes,gp  --objectives branin,…  --first-seed 100  --seeds 30  --trials 100.
"""

import argparse
import json
import os
import pathlib
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import optuna  # noqa: E402  (the variables come first)

import objectives  # noqa: E402

SAMPLERS = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed, deterministic_objective=True),
}


def key_of(objective, sampler, seed, trials):
    return f"{objectives.version(objective)}/{sampler}/{seed}/{trials}"


def read_cache(path):
    if not path.exists():
        return {}
    runs = {}
    for line in path.read_text().splitlines():
        run = json.loads(line)
        runs[run["key"]] = run["values"]
    return runs


def run(objective, sampler, seed, trials):
    value, suggest, _ = objectives.OBJECTIVES[objective]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    values = []
    for _ in range(trials):
        trial = study.ask()
        values.append(value(suggest(trial)))
        study.tell(trial, values[-1])
    return values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cache", type=pathlib.Path)
    parser.add_argument("--samplers", default="tpe,cmaes,gp")
    parser.add_argument("--objectives", default=",".join(objectives.OBJECTIVES))
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=100)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if "gp" in args.samplers:
        import torch
        torch.set_num_threads(1)

    args.cache.parent.mkdir(parents=True, exist_ok=True)
    known = read_cache(args.cache)
    with open(args.cache, "a") as cache:
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            for sampler in args.samplers.split(","):
                for objective in args.objectives.split(","):
                    key = key_of(objective, sampler, seed, args.trials)
                    if key in known:
                        continue
                    values = run(objective, sampler, seed, args.trials)
                    cache.write(json.dumps({"key": key, "values": values}) + "\n")
                    cache.flush()


if __name__ == "__main__":
    main()
