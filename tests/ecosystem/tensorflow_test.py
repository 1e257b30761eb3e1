#!/usr/bin/env python3
"""A MultiWorkerMirroredStrategy script trains on two workers; nobody wrote an address anywhere."""

import os
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
from cluster import Cluster  # noqa: E402


class TensorFlowTest(unittest.TestCase):
    def test_the_script_says_nothing_about_addresses(self):
        text = (ROOT / "configs/jobs/tensorflow_multiworker.py").read_text()
        self.assertIn("MultiWorkerMirroredStrategy()", text)
        text = re.sub('""".*?"""', "", text, flags=re.S)  # Its docstring says where they come from.
        self.assertIsNone(re.search(r"TF_CONFIG|localhost|\d+\.\d+\.\d+\.\d+|:\d{4,}", text))

    def test_two_workers_train(self):
        # The tasks' `python3` is the one with TensorFlow in it.
        python_dir = os.path.dirname(sys.executable)
        with Cluster() as cluster:
            job = cluster.submit("configs/jobs/tensorflow_multiworker.yaml",
                                 f"workdir={ROOT / 'configs/jobs'}",
                                 f"env.PATH={python_dir}:/usr/bin:/bin")
            ended = cluster.wait(job, 600)
            logs = cluster.run("logs", job).stdout
            self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", logs[-4000:])
            ends = re.findall(r"2 workers, accuracy ([0-9.]+)", logs)
            self.assertEqual(len(ends), 2, logs[-4000:])
            self.assertEqual(ends[0], ends[1])  # The replicas agree.
            self.assertGreater(float(ends[0]), 0.6)
            print("accuracy of both workers:", ends[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
