#!/usr/bin/env python3
"""Makes fashion_mnist_runs.csv: every setting of a small network, trained by dl-worker.

    make_table.py [--seconds 300]

784-width-10 with ReLU, the first 1,000 training images of Fashion-MNIST (Debian's package
dataset-fashion-mnist), 27 epochs; each row is a setting with the share of the 2,000 images after
those that the network gets wrong after each epoch. One job a setting, on a cluster of this machine; settings that
the file has are left alone, so it can be made in pieces of --seconds. For adam the learning rate is
a tenth of the one in the table. No job leaves checkpoints.
"""

import argparse
import gzip
import itertools
import os
import pathlib
import struct
import sys
import tempfile
import time

import objectives

ROOT = pathlib.Path(__file__).resolve().parents[3]
os.environ.setdefault("DL_BINARY_DIR", str(ROOT / "build/release/bin"))
sys.path.insert(0, str(ROOT / "tests/support"))

SOURCE = pathlib.Path("/usr/share/datasets/fashion-mnist")
TRAINED, HELD_OUT = 1000, 2000
SIDE_BY_SIDE = 2
SPEC = """
name: table
model: {name: mlp, classes: 10}
train: {threads: 1, report_every_steps: 1000}
checkpoint: {every_epochs: 0}
strategy: {name: ring, workers: 1}
"""
COLUMNS = [*objectives.GRID, *(f"error_{epoch}" for epoch in range(1, objectives.EPOCHS + 1))]


def read_idx(name, header):
    for path, opener in ((SOURCE / name, open), (SOURCE / f"{name}.gz", gzip.open)):
        if path.exists():
            with opener(path, "rb") as file:
                return file.read()[header:]
    sys.exit(f"{SOURCE} has no {name}: install dataset-fashion-mnist")


def write_samples(folder):
    """IDX files of the first images only."""
    images, labels = read_idx("train-images-idx3-ubyte", 16), read_idx("train-labels-idx1-ubyte", 8)
    for name, first, count in (("train", 0, TRAINED), ("t10k", TRAINED, HELD_OUT)):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, count, 28, 28) + images[784 * first:784 * (first + count)])
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, count) + labels[first:first + count])


def overrides_of(setting, folder):
    rate, batch, width, optimizer = setting
    yield f"data={{format: idx, path: {folder}}}"
    yield f"train.epochs={objectives.EPOCHS}"
    yield f"train.batch_size={batch}"
    yield f"model.hidden=[{width}]"
    yield f"train.optimizer={'adamw' if optimizer == 'adam' else 'sgd'}"
    yield f"train.momentum={0.9 if optimizer == 'momentum' else 0}"
    yield f"train.learning_rate={rate / 10 if optimizer == 'adam' else rate}"


def errors_of(cluster, job):
    ended = cluster.job(job)
    if ended["state"] != "JOB_STATE_SUCCEEDED":
        sys.exit(f"job {job} ended as {ended['state']}: {ended.get('failure')}")
    points = cluster.json("metrics", job, "validation.accuracy")["items"][0]["points"]
    errors = [1 - float(point["value"]) for point in points]
    assert len(errors) == objectives.EPOCHS, f"job {job} reported {len(errors)} epochs"
    return errors


def main():
    from cluster import TERMINAL, Cluster
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300)
    deadline = time.monotonic() + parser.parse_args().seconds
    known = objectives.read_table() if objectives.TABLE.exists() else {}
    missing = [setting for setting in itertools.product(*objectives.GRID.values())
               if setting not in known]
    with (tempfile.TemporaryDirectory() as folder, Cluster(agents=1, cpus=SIDE_BY_SIDE) as cluster,
          open(objectives.TABLE, "a") as table):
        write_samples(pathlib.Path(folder))
        if not known:
            print("# Written by make_table.py.", ",".join(COLUMNS), sep="\n", file=table)
        running = {}
        while running or (missing and time.monotonic() < deadline):
            while missing and len(running) < SIDE_BY_SIDE and time.monotonic() < deadline:
                setting = missing.pop(0)
                running[cluster.submit(SPEC, *overrides_of(setting, folder))] = setting
            for job in [j for j in running if cluster.job(j)["state"] in TERMINAL]:
                errors = (f"{error:.4f}" for error in errors_of(cluster, job))
                print(*running.pop(job), *errors, sep=",", file=table, flush=True)
            time.sleep(0.1)
    print(f"{len(missing)} settings are missing" if missing else "complete")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
