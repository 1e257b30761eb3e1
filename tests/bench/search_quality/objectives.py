"""The functions that search_quality minimizes: for each its parameters, its value and its minimum.

objectives.cpp has the same functions; search_quality.py evaluates every point of ours again with
these, so that the two cannot drift apart.
"""

import csv
import hashlib
import math
import pathlib

HARTMANN_A = [1, 1.2, 3, 3.2]
HARTMANN_B = [[10, 3, 17, 3.5, 1.7, 8], [.05, 10, 17, .1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
              [17, 8, .05, 10, .1, 14]]
HARTMANN_P = [[.1312, .1696, .5569, .0124, .8283, .5886], [.2329, .4135, .8307, .3736, .1004, .9991],
              [.2348, .1451, .3522, .2883, .3047, .6650], [.4047, .8828, .8732, .5743, .1091, .0381]]


def vector(p):
    return [p[f"x{i}"] for i in range(len(p))]


def branin(p):
    x, y = vector(p)
    return ((y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6)**2
            + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def hartmann6(p):
    x = vector(p)
    return -sum(HARTMANN_A[i] * math.exp(-sum(
        HARTMANN_B[i][j] * (x[j] - HARTMANN_P[i][j])**2 for j in range(6))) for i in range(4))


def ackley10(p):
    x = vector(p)
    return (-20 * math.exp(-.2 * math.sqrt(sum(v * v for v in x) / len(x)))
            - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / len(x)) + 20 + math.e)


def rosenbrock10(p):
    x = vector(p)
    return sum(100 * (b - a * a)**2 + (1 - a)**2 for a, b in zip(x, x[1:]))


def conditional(p):
    """Like a small network's validation loss: 0 for adam at 1e-3 with three normalized layers of 64."""
    exponent = math.log10(p["learning_rate"])
    if p["optimizer"] == "sgd":
        loss = .05 + .25 * (exponent + 1 + 1.5 * p["momentum"])**2 + .5 * (p["momentum"] - .9)**2
    elif p["optimizer"] == "adam":
        loss = .35 * (exponent + 3)**2 + 20 * (p["beta1"] - .93)**2
    else:
        loss = .12 + .4 * (exponent + 3.3)**2
    layers = p["layers"]
    loss += [.35, .12, 0, .06][layers - 1] + .06 * (math.log2(p["width"]) - 7.5 + .5 * layers)**2
    if layers >= 2:
        loss += 1.2 * (p["dropout"] - .3)**2
    if not p["normalize"]:
        loss += .08 + .1 * abs(exponent + 3)
    return loss


TABLE = pathlib.Path(__file__).with_name("fashion_mnist_runs.csv")
EPOCHS = 27
GRID = {"learning_rate": [.001, .003, .01, .03, .1], "batch_size": [16, 64, 256],
        "width": [8, 32, 128], "optimizer": ["sgd", "momentum", "adam"]}


def read_table():
    """The error after each epoch, by setting."""
    with open(TABLE, newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {(float(r["learning_rate"]), int(r["batch_size"]), int(r["width"]), r["optimizer"]):
            [float(r[f"error_{e}"]) for e in range(1, EPOCHS + 1)] for r in rows}


class Tabular:
    table = None

    def __call__(self, p):
        if self.table is None:
            self.table = read_table()
        return self.table[tuple(p[name] for name in GRID)][-1]


def ranges(low, high, count):
    def suggest(trial):
        return {f"x{i}": trial.suggest_float(f"x{i}", low, high) for i in range(count)}
    return suggest


def suggest_branin(trial):
    return {"x0": trial.suggest_float("x0", -5, 10), "x1": trial.suggest_float("x1", 0, 15)}


def suggest_conditional(trial):
    p = {"optimizer": trial.suggest_categorical("optimizer", ["sgd", "adam", "rmsprop"]),
         "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1, log=True),
         "layers": trial.suggest_int("layers", 1, 4),
         "width": trial.suggest_int("width", 16, 1024, log=True),
         "normalize": trial.suggest_categorical("normalize", [False, True])}
    if p["optimizer"] == "sgd":
        p["momentum"] = trial.suggest_float("momentum", 0, .99)
    if p["optimizer"] == "adam":
        p["beta1"] = trial.suggest_float("beta1", .8, .999)
    if p["layers"] >= 2:
        p["dropout"] = trial.suggest_float("dropout", 0, .8)
    return p


def suggest_tabular(trial):
    """Ordered values as whole numbers, which suits Optuna's samplers better than categories."""
    def one_of(name, values):
        if name == "optimizer":
            return trial.suggest_categorical(name, values)
        return values[trial.suggest_int(name, 0, len(values) - 1)]
    return {name: one_of(name, values) for name, values in GRID.items()}


# name: (value of a point, a point from an Optuna trial, minimum; None: the least of the table)
OBJECTIVES = {
    "branin": (branin, suggest_branin, 0.39788735772973816),
    "hartmann6": (hartmann6, ranges(0, 1, 6), -3.322368011415515),
    "ackley10": (ackley10, ranges(-5, 10, 10), 0.0),
    "rosenbrock10": (rosenbrock10, ranges(-5, 10, 10), 0.0),
    "conditional": (conditional, suggest_conditional, 0.0),
    "tabular": (Tabular(), suggest_tabular, None),
}


def version(name):
    """The name, and for what is read from a file its content too."""
    if name != "tabular":
        return name
    return f"{name}-{hashlib.sha256(TABLE.read_bytes()).hexdigest()[:12]}"


def minimum(name):
    known = OBJECTIVES[name][2]
    return known if known is not None else min(errors[-1] for errors in read_table().values())
