#!/usr/bin/env python3
"""The sample that each dialect's own documentation publishes, submitted as it is, on a real cluster.

Stand-ins for `python`, `python3` and `xgboost-train` on the tasks' PATH take what the samples'
commands pass to the training program, and report stand_in.score() of it.
"""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from cluster import ROOT, Cluster  # noqa: E402
from stand_in import score  # noqa: E402

CORPUS = ROOT / "model/spec/testdata/corpus"
PROGRAMS = ("python", "python3", "xgboost-train")
CPUS = 16  # Slots: CloudML's sample asks for 13 tasks at once, Determined's for 16 trials.


class DialectsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(agents=1, cpus=CPUS))
        api, programs = cls.cluster.home / "agent.pb", cls.cluster.home / "programs"
        subprocess.run(["protoc", f"--proto_path={ROOT / 'proto'}", "--include_imports",
                        f"--descriptor_set_out={api}", "dl/v1/agent.proto"], check=True)
        programs.mkdir()
        for name in PROGRAMS:
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "stand_in.py"} "$@"\n')
            program.chmod(0o755)
        cls.environment = [f"env.PATH={programs}:{os.environ['PATH']}", f"env.AGENT_API={api}"]

    def search(self, sample, metric, goal, trials, parameters, *overrides, fixed=()):
        """Runs the sample to its end and looks at what became of it. `fixed` is what its command
        passes beside the parameters."""
        job = self.cluster.submit(str(CORPUS / sample), f"env.METRIC={metric}", *self.environment,
                                  *overrides)
        ended = self.cluster.wait(job, 60)
        self.assertEqual(ended["state"], "JOB_STATE_SUCCEEDED", ended.get("failure"))

        listed = self.cluster.json("trials", job)["items"]
        self.assertEqual(len(listed), trials)
        for trial in listed:
            self.assertIn(trial["state"], ("ended", "stopped"), trial)
            self.assertEqual(set(trial["parameters"]), parameters)
            # As the dialects' programs get them: words are words, numbers have all their digits.
            self.assertAlmostEqual(trial["objectives"][0],
                                   score(trial["parameters"] | dict(fixed)), msg=trial)
        table = self.cluster.run("trials", job, "--wide").stdout
        best = self.cluster.run("best", job).stdout
        for name in parameters:
            self.assertIn(name, best)
            # What is the same in all trials has no column.
            if any(trial["parameters"][name] != listed[0]["parameters"][name] for trial in listed):
                self.assertIn(name.upper(), table)
        ends = [trial for trial in listed if trial["state"] == "ended"]
        sign = -1 if goal == "maximize" else 1
        winner = min(ends, key=lambda trial: (sign * trial["objectives"][0], trial["number"]))
        self.assertIn(f"Trial {job}.{winner['number']} is the best: {metric} ", best)
        print(f"  {sample}: {len(ends)} of {trials} trials ended, the best {metric} is "
              f"{winner['objectives'][0]:.6g}")

    def test_cloudml(self):
        # 13 tasks a trial: chief, 9 workers, 3 parameter servers.
        self.search("cloudml/published.yaml", "metric1", "maximize", 6,
                    {"hidden1", "numRnnCells", "rnnCellType"},
                    "command=python3 task.py ${search.args}", "search.max_trials=6")

    def test_sagemaker(self):
        self.search("sagemaker/published.json", "validation:auc", "maximize", 20,
                    {"eta", "alpha", "min_child_weight", "max_depth", "eval_metric", "num_round",
                     "objective", "rate_drop", "tweedie_variance_power"},
                    "command=xgboost-train ${search.args}")

    def test_katib(self):
        self.search("katib/random.yaml", "loss", "minimize", 12, {"lr", "momentum"},
                    fixed={"epochs": "1", "batch-size": "16"})

    def test_determined(self):
        self.search("determined/adaptive.yaml", "validation_loss", "minimize", 16,
                    {"learning_rate", "n_filters1", "n_filters2", "dropout1"})

    def test_wandb(self):
        # A sweep has no end of its own.
        self.search("wandb/published.yaml", "validation_loss", "minimize", 8,
                    {"learning_rate", "batch_size", "epochs", "optimizer"}, "search.max_trials=8")


if __name__ == "__main__":
    unittest.main(verbosity=2)
