#!/usr/bin/env python3
"""Our ASHA against Optuna's and Ray Tune's, on learning curves of real training runs.

    build/release/tests/asha_bench must be built; asha_bench.py [--parts regret,idle] [--seeds 100]

regret: the curves of search_quality/fashion_mnist_runs.csv, 27 epochs each, min 1, reduction 3. Eight
        simulated workers; a seed draws the order of the configurations and how long an epoch of each takes,
        the same for all. So what differs is who is let go on. Regret is the least error reported so far
        above the least of the table; it is averaged over the time that 40 whole runs take on the
        workers. Passes when our mean over the seeds is at most each peer's, or not worse by Wilcoxon
        at 5 %, there and at 5, 10, 20 and 40 runs' time.
idle:   1,000 simulated workers until 20,000 trials have started, by asha_bench itself, for both variants;
        a decision takes the time that it really takes. Passes when workers wait at most 1 % of the time.
"""

import argparse
import heapq
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "search_quality"))
EPOCHS, REDUCTION, WORKERS = 27, 3, 8
CHECKPOINTS = [5, 10, 20, 40]  # Whole runs' worth of epochs.
SIGNIFICANCE = 0.05
IDLE_WORKERS, IDLE_TRIALS, IDLE_MAX = 1000, 20000, 0.01


def in_venv():
    """Runs this file again in the peers' environment."""
    if os.environ.get("DL_ASHA_VENV"):
        return
    make = ROOT / "tests/ecosystem/make_venv.sh"
    venv = subprocess.run([make, HERE / "requirements.txt", "asha-venv"], check=True,
                          capture_output=True, text=True).stdout.strip()
    python = f"{venv}/bin/python"
    os.execve(python, [python, __file__, *sys.argv[1:]], {**os.environ, "DL_ASHA_VENV": "1"})


class Ours:
    """The Searcher, in a process of its own."""

    def __init__(self, binary, variant):
        self.process = subprocess.Popen(
            [binary, "decide", variant, "1", str(EPOCHS), str(REDUCTION)], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def asked(self, *words):
        print(*words, file=self.process.stdin)
        answer = self.process.stdout.readline().split()
        if not answer:
            raise RuntimeError(f"asha_bench ended at {words}")
        return answer

    def next(self):
        """None for a new trial, else the one to resume."""
        answer = self.asked("next")
        assert answer[0] in ("start", "resume"), answer
        return int(answer[1]) if answer[0] == "resume" else None

    def report(self, trial, epoch, error):
        return self.asked("report", trial, epoch, error)[0] == "continue"

    def end(self, trial):
        self.asked("end", trial)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Optuna:
    """SuccessiveHalvingPruner."""

    def __init__(self):
        import optuna
        self.optuna = optuna
        self.study = optuna.create_study(pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=1, reduction_factor=REDUCTION, min_early_stopping_rate=0))
        self.trials, self.last = {}, {}

    def next(self):
        trial = self.study.ask()
        self.trials[trial.number + 1] = trial
        return None

    def report(self, number, epoch, error):
        trial = self.trials[number]
        trial.report(error, epoch)
        self.last[number] = error
        if not trial.should_prune():
            return True
        self.study.tell(trial, state=self.optuna.trial.TrialState.PRUNED)
        return False

    def end(self, number):
        self.study.tell(self.trials[number], self.last[number])

    def close(self):
        pass


class RayTune:
    """ASHAScheduler, called as Tune's controller calls it."""

    def __init__(self):
        from ray.tune.schedulers import ASHAScheduler
        self.scheduler = ASHAScheduler(metric="error", mode="min", max_t=EPOCHS, grace_period=1,
                                       reduction_factor=REDUCTION)
        self.trials = {}

    def next(self):
        number = len(self.trials) + 1
        self.trials[number] = types.SimpleNamespace(trial_id=str(number))
        self.scheduler.on_trial_add(None, self.trials[number])
        return None

    def report(self, number, epoch, error):
        result = {"training_iteration": epoch, "error": error}
        return self.scheduler.on_trial_result(None, self.trials[number], result) == "CONTINUE"

    def end(self, number):
        pass

    def close(self):
        pass


def simulated(scheduler, curves, seed):
    """Regret after each unit of time: an epoch of a usual trial on one worker."""
    drawn = random.Random(seed)
    order = drawn.sample(range(len(curves)), len(curves))
    paces = [drawn.lognormvariate(0, 0.3) for _ in curves]
    horizon = CHECKPOINTS[-1] * EPOCHS / WORKERS
    least = min(min(curve) for curve in curves)
    epoch_of, events, best, regrets, started = {}, [], 1.0, [], 0

    def give_work(now):
        nonlocal started
        trial = scheduler.next()
        if trial is None:
            if started == len(order):
                return  # The table has no more configurations.
            started += 1
            trial = started
            epoch_of[trial] = 0
        heapq.heappush(events, (now + paces[trial - 1], trial))

    for _ in range(WORKERS):
        give_work(0.0)
    while events and events[0][0] <= horizon:
        now, trial = heapq.heappop(events)
        while len(regrets) < now:
            regrets.append(best - least)
        epoch_of[trial] += 1
        error = curves[order[trial - 1]][epoch_of[trial] - 1]
        best = min(best, error)
        goes_on = scheduler.report(trial, epoch_of[trial], error)
        if goes_on and epoch_of[trial] < EPOCHS:
            heapq.heappush(events, (now + paces[trial - 1], trial))
            continue
        if goes_on:
            scheduler.end(trial)
        give_work(now)
    scheduler.close()
    return regrets + [best - least] * (int(horizon) + 1 - len(regrets))


def measures(regrets):
    at = {f"at_{runs}": regrets[int(runs * EPOCHS / WORKERS)] for runs in CHECKPOINTS}
    return {"anytime": statistics.mean(regrets), **at}


def compared(ours, peers):
    """Of each measure the means, and whether ours is worse."""
    from scipy.stats import wilcoxon
    result = {}
    for name in ours[0]:
        own, other = [run[name] for run in ours], [run[name] for run in peers]
        p = float(wilcoxon(own, other).pvalue) if own != other else 1.0
        a, b = statistics.mean(own), statistics.mean(other)
        result[name] = {"ours": a, "peer": b, "ratio": a / b if b > 0 else 1.0, "p": p,
                        "passed": a <= b or p >= SIGNIFICANCE}
    return result


def regret_part(binary, seeds):
    import objectives
    curves = list(objectives.read_table().values())
    schedulers = {"ours stopping": lambda: Ours(binary, "stopping"),
                  "ours promotion": lambda: Ours(binary, "promotion"),
                  "optuna": Optuna, "ray": RayTune}
    runs = {name: [measures(simulated(make(), curves, seed)) for seed in range(seeds)]
            for name, make in schedulers.items()}
    result = {f"{own} / {peer}": compared(runs[own], runs[peer])
              for own in ("ours stopping", "ours promotion") for peer in ("optuna", "ray")}
    # Stopping is the default; promotion is there for comparison.
    passed = all(entry["passed"] for key in result if key.startswith("ours stopping")
                 for entry in result[key].values())
    return {"configurations": len(curves), "seeds": seeds, "comparisons": result, "passed": passed}


def idle_part(binary):
    runs = [json.loads(subprocess.run([binary, "idle", variant, str(IDLE_WORKERS), str(IDLE_TRIALS)],
                                      check=True, capture_output=True, text=True).stdout)
            for variant in ("stopping", "promotion")]
    return {"runs": runs, "bound": IDLE_MAX,
            "passed": all(run["idle_share"] <= IDLE_MAX for run in runs)}


def main():
    in_venv()
    import optuna
    import ray
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=ROOT / "build/release/tests/asha_bench")
    parser.add_argument("--parts", default="regret,idle")
    parser.add_argument("--seeds", type=int, default=100)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    results = {}
    if "regret" in args.parts:
        results["regret"] = regret_part(args.binary, args.seeds)
    if "idle" in args.parts:
        results["idle"] = idle_part(args.binary)
    passed = all(result["passed"] for result in results.values())
    print(json.dumps({"bench": "asha", "passed": passed, "results": results,
                      "versions": {"optuna": optuna.__version__, "ray": ray.__version__},
                      "load": os.getloadavg()[0]}, indent=1))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
