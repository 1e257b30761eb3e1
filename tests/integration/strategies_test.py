#!/usr/bin/env python3
"""Every strategy on a real cluster, by one line of the same job; and kill -9 of a parameter server.

The coordinator places workers and servers, dl-worker finds its part, and what a strategy publishes
comes out of `dlctl metrics`.
"""

import os
import pathlib
import re
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, wait_until  # noqa: E402

JOB = "configs/jobs/strategies.yaml"
STRATEGIES = [
    "{name: partitioned, workers: 2, transport: tcp}",
    "{name: local_sgd, workers: 2}",
    "{name: averaging, workers: 2}",
    "{name: ensemble, workers: 2}",
    "{name: ps, algorithm: sync, workers: 2, servers: 2}",
    "{name: ps, algorithm: async, workers: 2, frequency: batch}",
    "{name: ps, algorithm: dynsgd, workers: 2, servers: 2}",
    "{name: ps, algorithm: bounded, workers: 2, staleness: 2}",
    "{name: ps, algorithm: eamsgd, workers: 2, window: 8}",
]
STALENESS = 2


class StrategiesTest(unittest.TestCase):
    @staticmethod
    def tasks_in(strategy):
        servers = re.search(r"servers: (\d)", strategy)
        return 2 + (int(servers[1]) if servers else 1 if "name: ps" in strategy else 0)

    def test_one_line_switches_the_strategy(self):
        with Cluster(agents=1, cpus=4) as cluster:
            for strategy in STRATEGIES:
                with self.subTest(strategy):
                    job = cluster.submit(JOB, f"strategy={strategy}")
                    ended = cluster.wait(job, 120)
                    self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))
                    self.assertGreater(cluster.accuracy(job), 0.9)
                    by_memory = 0 if "transport: tcp" in strategy else self.tasks_in(strategy) - 1
                    self.assertIn(f"links: {by_memory} by this host's memory, ",
                                  cluster.run("logs", job).stdout)
                    metrics = ended["trials"][0]["metrics"]
                    if "ensemble" not in strategy and "averaging" not in strategy:
                        self.assertIn("train.communication", metrics)
                    if "local_sgd" in strategy:
                        self.assertGreaterEqual(metrics["train.window"], 1)
                    if "ps" in strategy:
                        self.assertIn("train.staleness.max", metrics)
                    if "bounded" in strategy:
                        self.assertLessEqual(metrics["train.staleness.max"], STALENESS)

    def test_a_parameter_server_is_killed(self):
        for algorithm in ("sync", "downpour"):
            with self.subTest(algorithm), Cluster(agents=1, cpus=4) as cluster:
                job = cluster.submit(
                    JOB, f"strategy={{name: ps, algorithm: {algorithm}, workers: 2, servers: 2}}",
                    "restarts.backoff=100ms", "train.epochs=40")
                cluster.wait_for_step(job, 300)
                victim = next(t for t in cluster.tasks(job) if t["role"] == "ps" and t["index"] == 1)
                os.kill(victim["pid"], signal.SIGKILL)
                wait_until(lambda: cluster.job(job)["trials"][0]["attempts"] == 2, 30, "no restart")
                failure = cluster.job(job)["trials"][0]["last_failure"]
                self.assertEqual(failure["task"], "ps:1")
                ended = cluster.wait(job, 120)
                self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))
                self.assertEqual(ended["trials"][0]["attempts"], 2)
                self.assertGreater(cluster.accuracy(job), 0.9)


if __name__ == "__main__":
    unittest.main(verbosity=2)
