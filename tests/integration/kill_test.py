#!/usr/bin/env python3
"""kill -9 of a worker, of an agent and of the coordinator while Fashion-MNIST trains.

Each time the job ends with all its epochs and at least 90.0 % accuracy; after the coordinator's
death no task was restarted.
"""

import os
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, is_alive, wait_until  # noqa: E402

JOB = "configs/jobs/fashion_mnist_ring.yaml"
ACCURACY_MIN = 0.900


class KillTest(unittest.TestCase):
    def check_end(self, cluster, job, attempts):
        ended = cluster.wait(job)
        trial = ended["trials"][0]
        self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))
        self.assertEqual(trial["progress"]["epoch"], trial["progress"]["epochs"])
        self.assertEqual(trial["attempts"], attempts)
        self.assertGreaterEqual(cluster.accuracy(job), ACCURACY_MIN)
        print(f"  accuracy {cluster.accuracy(job):.4f} after {trial['progress']['epoch']} epochs, "
              f"{attempts} attempt(s)")

    def test_a_worker_is_killed(self):
        with Cluster() as cluster:
            job = cluster.submit(JOB, "restarts.backoff=100ms")
            cluster.wait_for_step(job, 600)
            victim = next(t for t in cluster.tasks(job) if t["role"] == "worker" and t["index"] == 1)
            os.kill(victim["pid"], signal.SIGKILL)
            wait_until(lambda: cluster.job(job)["trials"][0]["attempts"] == 2, 30, "no restart")
            failure = cluster.job(job)["trials"][0]["last_failure"]
            self.assertEqual(failure["task"], "worker:1")
            self.assertEqual(failure["kind"], "FAILURE_KIND_INFRASTRUCTURE")
            self.check_end(cluster, job, attempts=2)

    def test_an_agent_is_killed(self):
        with Cluster() as cluster:
            job = cluster.submit(JOB)
            cluster.wait_for_step(job, 200)
            before = {t["id"]: t["pid"] for t in cluster.tasks(job)}
            cluster.kill("agent-1")
            wait_until(lambda: any(n["state"] == "disconnected"
                                   for n in cluster.json("nodes")["items"]), 20, "not noticed")
            cluster.start_agent(1)
            cluster.wait_for_nodes()
            self.assertEqual({t["id"]: t["pid"] for t in cluster.tasks(job)}, before)
            self.check_end(cluster, job, attempts=1)

    def test_the_coordinator_is_killed(self):
        with Cluster() as cluster:
            job = cluster.submit(JOB)
            cluster.wait_for_step(job, 200)
            before = {t["id"]: t["pid"] for t in cluster.tasks(job)}
            cluster.kill("coordinator")
            self.assertTrue(all(is_alive(pid) for pid in before.values()))
            cluster.start_coordinator()
            cluster.wait_for_nodes()
            self.assertEqual({t["id"]: t["pid"] for t in cluster.tasks(job)}, before)
            self.assertTrue(all(is_alive(pid) for pid in before.values()))
            self.check_end(cluster, job, attempts=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
