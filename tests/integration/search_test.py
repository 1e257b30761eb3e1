#!/usr/bin/env python3
"""Searches on a real cluster: the examples cut short, what REST says, and kill -9 of the coordinator."""

import pathlib
import random
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, wait_until  # noqa: E402

KILLS = 5

# Small and deterministic: the same suggestions give the same losses.
SMALL = """
name: small
model: {name: mlp, classes: 4, hidden: [8]}
data: {format: synthetic, shape: [1, 8, 8], samples: 256}
train: {epochs: 2, batch_size: 16}
checkpoint: {every_epochs: 1}
search:
  metric: validation.loss
  goal: minimize
  algorithm: tpe
  tpe: {startup_trials: 4}
  max_trials: 10
  parameters:
    train.learning_rate: {log: [1e-3, 1e-1]}
    model.hidden: {values: [[8], [16]]}
"""


class SearchTest(unittest.TestCase):
    def succeed(self, cluster, job, seconds=240):
        ended = cluster.wait(job, seconds)
        self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))
        return cluster.rest("GET", f"/v1/jobs/{job}/trials")

    def test_the_coordinator_is_killed(self):
        with Cluster(agents=1) as cluster:
            calm = self.succeed(cluster, cluster.submit(SMALL))
            job = cluster.submit(SMALL)
            dice = random.Random(7)
            for kill in range(KILLS):
                time.sleep(dice.uniform(0.1, 1.2))
                cluster.kill("coordinator")
                cluster.start_coordinator()
            shaken = self.succeed(cluster, job)
            self.assertEqual([t["parameters"] for t in shaken["trials"]],
                             [t["parameters"] for t in calm["trials"]])
            self.assertEqual([t["objectives"] for t in shaken["trials"]],
                             [t["objectives"] for t in calm["trials"]])
            self.assertEqual([t["attempts"] for t in shaken["trials"]], [1] * 10)
            print(f"  {KILLS} kills, the same 10 trials; best {shaken['search']['best']}")

    def test_asha_example(self):
        with Cluster(agents=2) as cluster:
            job = cluster.submit("configs/jobs/fashion_mnist_asha.yaml", "model.name=mlp",
                                 "model.hidden=[32]", "search.max_trials=6", "train.epochs=3",
                                 "search.halving.reduction=3")
            answer = self.succeed(cluster, job, 400)
            states = [t["state"] for t in answer["trials"]]
            self.assertEqual(len(states), 6)
            self.assertIn("stopped", states)
            self.assertIn("ended", states)
            best = cluster.rest("GET", f"/v1/jobs/{job}/trials/best")
            self.assertGreater(best["objectives"][0], 0.8)
            model = pathlib.Path(best["artifact_dir"]) / "model"
            self.assertTrue(list(model.glob("*.dlm")), model)
            # Its spec is a job without a search.
            again = cluster.run("validate", "-", stdin=best["spec"])
            self.assertEqual(again.returncode, 0)
            print("  " + ", ".join(states))

    def test_pbt_example(self):
        with Cluster(agents=2) as cluster:
            job = cluster.submit("configs/jobs/fashion_mnist_pbt.yaml", "model.name=mlp",
                                 "model.hidden=[16]", "search.max_trials=6",
                                 "search.max_parallel=1", "search.pbt.population=4",
                                 "search.pbt.interval=1", "train.epochs=3")
            answer = self.succeed(cluster, job, 400)
            heirs = [t for t in answer["trials"] if t.get("from")]
            self.assertTrue(heirs, answer)
            for heir in heirs:
                log = cluster.run("logs", job, "--trial", heir["number"]).stdout
                self.assertIn("begins with another trial's checkpoint", log)
            print(f"  {len(heirs)} of {len(answer['trials'])} trials began with another's checkpoint")

    def test_operators(self):
        with Cluster(agents=1) as cluster:
            job = cluster.submit(SMALL)
            said = cluster.run("pause", job).stdout
            self.assertIn("starts no more trials", said)
            wait_until(lambda: cluster.job(job)["state"] == "JOB_STATE_QUEUED", 60, "still runs")
            self.assertIn("is paused", cluster.run("explain", job).stdout)
            started = cluster.rest("GET", f"/v1/jobs/{job}")["search"]["started"]
            cluster.rest("POST", f"/v1/jobs/{job}/search:resume", {})
            wait_until(lambda: cluster.rest("GET", f"/v1/jobs/{job}")["search"]["started"] > started,
                       60, "no more trials start")
            self.assertIn("may try 12 trials",
                          cluster.run("extend", job, "--trials", "2").stdout)
            self.assertEqual(len(self.succeed(cluster, job)["trials"]), 12)
            failed = cluster.run("pause", job, check=False)
            self.assertNotEqual(failed.returncode, 0)
            self.assertIn("has ended", failed.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
