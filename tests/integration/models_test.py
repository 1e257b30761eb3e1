#!/usr/bin/env python3
"""The examples of the models that need no files, cut short, on a real cluster of two agents."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster  # noqa: E402


class ModelsTest(unittest.TestCase):
    def run_job(self, cluster, document, *overrides):
        ended = cluster.wait(cluster.submit(document, *overrides), 120)
        self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))
        return ended["trials"][0]["metrics"]

    def test_examples(self):
        with Cluster() as cluster:
            clicks = self.run_job(cluster, "configs/jobs/clicks_wide_deep.yaml",
                                  "data.samples=20000", "train.epochs=1")
            self.assertGreater(clicks["validation.auc"], 0.7)
            text = self.run_job(cluster, "configs/jobs/text_transformer.yaml",
                                "model.vocabulary=16", "data.samples=1600", "train.epochs=1")
            self.assertLess(text["validation.perplexity"], 12)
            images = self.run_job(cluster, "configs/jobs/synthetic_resnet50.yaml",
                                  "data.shape=[3,32,32]", "train.max_steps=2",
                                  "train.batch_size=4", "train.learning_rate=1e-4",
                                  "data.validation_samples=4")
            self.assertIn("validation.accuracy", images)


if __name__ == "__main__":
    unittest.main()
