#!/usr/bin/env python3
"""The trials of a search in an executor come to the bits that they come to in processes of their own."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster  # noqa: E402

TRIALS = 5

SEARCH = f"""
name: warm
model: {{name: mlp, classes: 4, hidden: [16], dropout: 0.1}}
data: {{format: synthetic, shape: [1, 8, 8], samples: 256}}
train: {{epochs: 2, batch_size: 32}}
search:
  metric: validation.loss
  goal: minimize
  algorithm: random
  max_trials: {TRIALS}
  parameters:
    train.learning_rate: {{log: [1e-3, 1e-1]}}
    train.precision: {{values: [float32, bfloat16]}}
    train.optimizer: {{values: [sgd, adam]}}
"""


def checksums(cluster, job):
    """What each trial's log says of its model."""
    found = {}
    for trial in range(1, TRIALS + 1):
        [log] = (cluster.home / "agent-0" / "tasks").glob(f"{job}.{trial}.1-*/log")
        [line] = [line for line in log.read_text().splitlines() if "model checksum" in line]
        found[trial] = line
    return found


class WarmSearchTest(unittest.TestCase):
    def test_warm_and_cold(self):
        with Cluster(agents=1) as cluster:
            executors = cluster.home / "agent-0" / "executors"
            seen = {}
            for warm in ("false", "true"):
                job = cluster.submit(SEARCH, f"search.warm={warm}")
                ended = cluster.wait(job, 240)
                self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))
                seen[warm] = checksums(cluster, job)
                self.assertEqual(len(list(executors.iterdir())), 1 if warm == "true" else 0)
            self.assertEqual(seen["true"], seen["false"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
