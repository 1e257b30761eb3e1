#!/usr/bin/env python3
"""Our searches against Optuna's: six objectives, the same seeds, 100 trials each.

    build/release/tests/search_quality must be built; search_quality.py [--seeds 30] [--samplers tpe,gp,cmaes]

For each objective and sampler a two-sided Wilcoxon test over the seeds' regrets, at 5 %. Passes when
no sampler is worse anywhere and each is better on at least 2 of the objectives. Optuna's runs are
kept in ~/.cache/dl/search_quality and made once (GPSampler takes minutes for each seed); an
objective without all of its peer's runs is in the output as incomplete and fails. Seeds are 100 to 129:
settings of ours were chosen on 0 to 29.
--no-peer-runs uses those that are there.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "dl"
REQUIREMENTS = (HERE / "requirements.txt", HERE.parent / "requirements.txt")
SIGNIFICANCE = 0.05
BETTER_MIN = 2


def in_venv():
    """Runs this file again in the peers' environment; PyTorch comes from that of the other benches."""
    if os.environ.get("DL_SEARCH_VENV"):
        return
    make = ROOT / "tests/ecosystem/make_venv.sh"
    own = subprocess.run([make, REQUIREMENTS[0], "search-venv"], check=True, capture_output=True, text=True)
    torch = subprocess.run([make, REQUIREMENTS[1], "bench-venv"], check=True, capture_output=True, text=True)
    packages = next(pathlib.Path(torch.stdout.strip()).glob("lib/python3*/site-packages"))
    python = f"{own.stdout.strip()}/bin/python"
    environment = {**os.environ, "DL_SEARCH_VENV": "1", "PYTHONPATH": str(packages)}
    os.execve(python, [python, __file__, *sys.argv[1:]], environment)


def our_runs(binary, objective, sampler, first, seeds, trials):
    import objectives
    value = objectives.OBJECTIVES[objective][0]
    output = subprocess.run([binary, objectives.TABLE, objective, sampler, str(first), str(seeds), str(trials)],
                            check=True, capture_output=True, text=True).stdout
    runs = []
    for line in output.splitlines():
        run = json.loads(line)
        assert len(run["values"]) == trials, f"{objective}/{sampler}: {len(run['values'])} trials"
        for point, ours in zip(run["points"], run["values"]):
            theirs = value(point)
            assert abs(ours - theirs) <= 1e-9 * max(1, abs(theirs)), f"{objective} differs at {point}"
        runs.append(run["values"])
    return runs


def compared(ours, peers):
    from scipy.stats import wilcoxon
    differs = any(a != b for a, b in zip(ours, peers))
    p = float(wilcoxon(ours, peers).pvalue) if differs and len(ours) >= 6 else 1.0
    wins = sum(a < b for a, b in zip(ours, peers))
    losses = sum(a > b for a, b in zip(ours, peers))
    verdict = "even" if p >= SIGNIFICANCE else "better" if wins > losses else "worse"
    return {"seeds": len(ours), "wins": wins, "losses": losses, "p": p, "verdict": verdict,
            "ours": {"mean": statistics.mean(ours), "median": statistics.median(ours)},
            "peer": {"mean": statistics.mean(peers), "median": statistics.median(peers)}}


def main():
    in_venv()
    import numpy
    import optuna
    import scipy
    import objectives
    import optuna_peer
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=ROOT / "build/release/tests/search_quality")
    parser.add_argument("--samplers", default="tpe,gp,cmaes")
    parser.add_argument("--objectives", default=",".join(objectives.OBJECTIVES))
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--peer-first-seed", type=int, help="the default is --first-seed")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--no-peer-runs", action="store_true")
    args = parser.parse_args()
    peer_first = args.first_seed if args.peer_first_seed is None else args.peer_first_seed
    cache = CACHE / "search_quality" / f"optuna-{optuna.__version__}.jsonl"
    names, samplers = args.objectives.split(","), args.samplers.split(",")
    if not args.no_peer_runs:
        subprocess.run([sys.executable, HERE / "optuna_peer.py", cache, "--samplers", args.samplers,
                        "--objectives", args.objectives, "--first-seed", str(peer_first),
                        "--seeds", str(args.seeds), "--trials", str(args.trials)], check=True)
    known = optuna_peer.read_cache(cache)
    results, passed = {}, True
    for sampler in samplers:
        for name in names:
            least = objectives.minimum(name)
            keys = [optuna_peer.key_of(name, sampler, peer_first + i, args.trials)
                    for i in range(args.seeds)]
            have = [i for i, key in enumerate(keys) if key in known]
            if not have:
                results[f"{name}/{sampler}"] = {"verdict": "incomplete", "seeds": 0}
                continue
            runs = our_runs(args.binary, name, sampler, args.first_seed, args.seeds, args.trials)
            result = compared([min(runs[i]) - least for i in have],
                              [min(known[keys[i]]) - least for i in have])
            result["complete"] = len(have) == args.seeds
            results[f"{name}/{sampler}"] = result
        verdicts = [results[f"{name}/{sampler}"]["verdict"] for name in names]
        complete = all(results[f"{name}/{sampler}"].get("complete") for name in names)
        passed &= complete and "worse" not in verdicts and verdicts.count("better") >= BETTER_MIN
    print(json.dumps({"bench": "search_quality", "passed": passed, "results": results,
                      "first_seed": args.first_seed, "peer_first_seed": peer_first,
                      "bound": {"significance": SIGNIFICANCE, "better_min": BETTER_MIN},
                      "versions": {"optuna": optuna.__version__, "numpy": numpy.__version__,
                                   "scipy": scipy.__version__},
                      "load": os.getloadavg()[0]}, indent=1))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
