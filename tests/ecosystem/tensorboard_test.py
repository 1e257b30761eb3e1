#!/usr/bin/env python3
"""TensorBoard's own reader reads what dl-worker writes, over a run and its resumption."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

WORKER = pathlib.Path(os.environ["DL_BINARY_DIR"]) / "dl-worker"


def run_attempt(folder, attempt, max_steps, resume=""):
    spec = {
        "name": "events",
        "model": {"name": "mlp", "classes": 4, "hidden": [16]},
        "data": {"format": "synthetic", "shape": [1, 12, 12], "samples": 320},
        "train": {"epochs": 2, "batch_size": 32, "max_steps": max_steps, "report_every_steps": 5},
        "checkpoint": {"every_steps": 10},
        "strategy": {"name": "ring", "workers": 1},
    }
    member = {"role": "worker", "index": 0, "rank": 0, "node": "n", "host": "127.0.0.1",
              "port": 1, "local_rank": 0}
    task = {
        "task": f"1.1.{attempt}/worker:0",
        "job_name": "events",
        "cluster": {"members": [member], "master_port": 2, "restarts": attempt - 1,
                    "max_restarts": 3, "run_id": "1.1"},
        "secret": "s", "spec": json.dumps(spec), "artifact_dir": str(folder),
        "control_socket": "", "resume_checkpoint": resume,
    }
    path = folder / f"task-{attempt}.json"
    path.write_text(json.dumps(task))
    done = subprocess.run([WORKER], env={**os.environ, "DL_TASK": str(path)}, text=True,
                          capture_output=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


class TensorBoard(unittest.TestCase):
    def test_reads_a_run_and_its_resumption(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            run_attempt(folder, 1, 10)
            run_attempt(folder, 2, 20, "step-000000010-attempt-1.dlm")

            files = sorted((folder / "events").iterdir())
            self.assertEqual(len(files), 2)
            for file in files:
                first = next(EventFileLoader(str(file)).Load())
                self.assertEqual(first.file_version, "brain.Event:2")

            events = EventAccumulator(str(folder / "events"))
            events.Reload()
            self.assertEqual(
                set(events.Tags()["scalars"]),
                {"train.loss", "train.samples_per_second", "train.learning_rate",
                 "validation.loss", "validation.accuracy"})
            losses = events.Scalars("train.loss")
            self.assertEqual([e.step for e in losses], [5, 10, 15, 20])
            self.assertTrue(all(0 < e.value < 10 for e in losses))
            accuracy = events.Scalars("validation.accuracy")[-1]
            self.assertTrue(0 <= accuracy.value <= 1)


if __name__ == "__main__":
    unittest.main()
