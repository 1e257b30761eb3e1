#!/usr/bin/env python3
"""Writes importance.json: random trials of known functions, with the importances that Optuna's
evaluators give them, for importance_test.cpp.

Needs the environment of tests/bench/search_quality (optuna==5.0.0) and scikit-learn==1.9.1.
"""

import json
import pathlib

import optuna

TRIALS = 120


def linear(trial):
    xs = [trial.suggest_float(name, 0, 1) for name in ("x1", "x2", "x3", "x4")]
    return 8 * xs[0] + 4 * xs[1] + 2 * xs[2] + 0 * xs[3]


def product(trial):
    x1, x2, x3 = (trial.suggest_float(name, 0, 1) for name in ("x1", "x2", "x3"))
    return 4 * x1 * x2 + x2 + 0.3 * x3


def mixed(trial):
    word = trial.suggest_categorical("word", ["a", "b", "c"])
    layers = trial.suggest_int("layers", 1, 5)
    rate = trial.suggest_float("rate", 0, 1)
    return {"a": 0, "b": 4, "c": 1}[word] + 0.5 * layers + 0.5 * rate


def main():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    cases = []
    for function in (linear, product, mixed):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        study.optimize(function, n_trials=TRIALS)
        case = {"name": function.__name__,
                "trials": [{"parameters": t.params, "value": t.value} for t in study.trials]}
        for key, evaluator in (
            ("fanova", optuna.importance.FanovaImportanceEvaluator(seed=1)),
            ("ped_anova", optuna.importance.PedAnovaImportanceEvaluator()),
        ):
            case[key] = optuna.importance.get_param_importances(study, evaluator=evaluator)
        cases.append(case)
    text = json.dumps({"optuna": optuna.__version__, "cases": cases})
    # A trial a line.
    text = text.replace('{"parameters"', '\n{"parameters"') + "\n"
    (pathlib.Path(__file__).parent / "importance.json").write_text(text)


if __name__ == "__main__":
    main()
