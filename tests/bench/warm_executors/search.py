#!/usr/bin/env python3
"""The time between two trials of a search on a real cluster, warm and cold. Prints JSON.

Two searches with the same trials, one after another on one agent, take turns. A gap is from a trial's
last line of output to the first step of the next one, as the trials' event files have it; the first
gap of each search, in which an executor may start, does not count.
"""

import argparse
import json
import os
import pathlib
import statistics
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from cluster import Cluster  # noqa: E402

SEARCH = """
name: gaps
model: {{name: lenet, classes: 10}}
data: {{format: idx, path: /usr/share/datasets/fashion-mnist}}
train: {{epochs: 1, max_steps: 5, batch_size: 128, report_every_steps: 1}}
checkpoint: {{every_epochs: 0}}
search:
  metric: validation.accuracy
  goal: maximize
  algorithm: random
  max_trials: {trials}
  parameters: {{train.learning_rate: {{log: [1e-3, 1e-1]}}}}
"""


def first_step(events):
    """When an event file has its first step: TFRecord frames around Event protos, whose field 1 is
    the time, a double, and field 2 the step."""
    data = events.read_bytes()
    at = 0
    while at + 12 <= len(data):
        size, = struct.unpack_from("<Q", data, at)
        event = data[at + 12:at + 12 + size]
        at += 12 + size + 4
        if event[:1] == b"\x09" and event[9:10] == b"\x10" and event[10] > 0:
            return struct.unpack_from("<d", event, 1)[0]
    raise ValueError(f"{events} has no step")


def gaps_ms(cluster, job, trials):
    tasks = cluster.home / "agent-0" / "tasks"
    gaps = []
    for trial in range(2, trials):
        [log] = tasks.glob(f"{job}.{trial}.1-*/log")
        [events] = (cluster.home / "artifacts" / job / str(trial + 1) / "events").iterdir()
        gaps.append(1000 * (first_step(events) - log.stat().st_mtime))
    return gaps


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=5, help="of each search")
    parser.add_argument("--min-ratio", type=float, default=5)
    settings = parser.parse_args()
    os.environ.setdefault("DL_BINARY_DIR", "build/release/bin")
    gaps = {"true": [], "false": []}
    with Cluster(agents=1) as cluster:
        for _ in range(settings.rounds):
            for warm, found in gaps.items():
                job = cluster.submit(SEARCH.format(trials=settings.trials), f"search.warm={warm}")
                state = cluster.wait(job)["state"]
                assert state == "JOB_STATE_SUCCEEDED", state
                found += gaps_ms(cluster, job, settings.trials)
    warm, cold = statistics.median(gaps["true"]), statistics.median(gaps["false"])
    print(json.dumps({"bench": "warm_executors/search",
                      "what": "ms from a trial's last output to the next one's first step",
                      "warm_ms": [round(gap, 1) for gap in gaps["true"]],
                      "cold_ms": [round(gap, 1) for gap in gaps["false"]],
                      "warm_median_ms": round(warm, 1), "cold_median_ms": round(cold, 1),
                      "ratio": round(cold / warm, 2), "bound": settings.min_ratio}, indent=2))
    return 0 if cold / warm >= settings.min_ratio else 1


if __name__ == "__main__":
    sys.exit(main())
