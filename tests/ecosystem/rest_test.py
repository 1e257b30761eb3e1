#!/usr/bin/env python3
"""REST by curl, the OpenAPI document by its validator, the metrics by Prometheus' own parser."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster, wait_until  # noqa: E402

DOCUMENT = """\
name: hello
command: |
  echo "hello from $DL_ROLE:$DL_INDEX"
  sleep 0.2
resources: {cpus: 1}
"""


class RestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(agents=1)
        cls.cluster.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def curl(self, path, *arguments, token=None):
        """The status and the body, as curl has them."""
        token = self.cluster.token if token is None else token
        result = subprocess.run(
            ["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", "-H",
             f"Authorization: Bearer {token}", *arguments, f"http://{self.cluster.http}{path}"],
            capture_output=True, text=True, check=True)
        body, status = result.stdout.rsplit("\n", 1)
        return int(status), body

    def submit(self, *arguments):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(DOCUMENT)
            file.flush()
            status, body = self.curl("/v1/jobs", "--data-binary", f"@{file.name}", "-H",
                                     "Content-Type: application/yaml", *arguments)
        self.assertEqual(status, 200, body)
        return json.loads(body)["job"]

    def test_a_submitted_job_is_followed_to_its_end(self):
        job = self.submit()
        status, stream = self.curl(f"/v1/jobs/{job}/events", "-N")
        self.assertEqual(status, 200)
        frames = [dict(line.split(": ", 1) for line in frame.splitlines() if ": " in line)
                  for frame in stream.split("\n\n") if frame.strip()]
        events = [frame for frame in frames if "id" in frame]
        self.assertGreater(len(events), 2, stream)
        ids = [int(event["id"]) for event in events]
        self.assertEqual(ids, sorted(set(ids)))
        for event in events:
            self.assertEqual(json.loads(event["data"])["id"], event["id"])
            self.assertEqual(json.loads(event["data"])["job"], job)
        self.assertEqual(frames[-1]["event"], "end")
        # A client that lost its connection goes on where it was.
        _, rest = self.curl(f"/v1/jobs/{job}/events", "-N", "-H", f"Last-Event-ID: {ids[-2]}")
        self.assertEqual([line for line in rest.splitlines() if line.startswith("id: ")],
                         [f"id: {ids[-1]}"])
        state = json.loads(self.curl(f"/v1/jobs/{job}")[1])
        self.assertEqual(state["state"], "JOB_STATE_SUCCEEDED", state)
        self.assertEqual(state["document"], DOCUMENT)

    def test_the_log_comes_as_it_is(self):
        job = self.submit()
        self.cluster.wait(job, 60)
        _, text = self.curl(f"/v1/jobs/{job}/logs", "-N", "-H", "Accept: text/plain")
        self.assertIn("hello from worker:0\n", text)

    def test_a_json_document_is_a_job_too(self):
        document = json.dumps({"name": "j", "command": "true", "resources": {"cpus": 1}})
        status, body = self.curl("/v1/jobs", "--json", document)
        self.assertEqual(status, 200, body)
        job = json.loads(body)["job"]
        wait_until(lambda: json.loads(self.curl(f"/v1/jobs/{job}")[1])["state"] ==
                   "JOB_STATE_SUCCEEDED", 30, "the job has not succeeded")

    def test_a_retried_submit_is_one_job(self):
        first = self.submit("-H", "Idempotency-Key: nightly")
        self.assertEqual(self.submit("-H", "Idempotency-Key: nightly"), first)
        status, body = self.curl("/v1/jobs", "--data-binary", DOCUMENT + "grace: 5s\n", "-H",
                                 "Idempotency-Key: nightly")
        self.assertEqual((status, json.loads(body)["code"]), (409, "ALREADY_EXISTS"))

    def test_a_cancelled_job_ends(self):
        status, body = self.curl("/v1/jobs", "--data-binary",
                                 "name: s\ncommand: sleep 600\nresources: {cpus: 1}\n")
        self.assertEqual(status, 200, body)
        job = json.loads(body)["job"]
        self.assertEqual(self.curl(f"/v1/jobs/{job}:cancel", "-X", "POST"), (200, "{}\n"))
        self.assertEqual(self.cluster.wait(job, 60)["state"], "JOB_STATE_CANCELLED")

    def test_what_is_wrong_is_said(self):
        for path, arguments, status, text in (
                ("/v1/jobs", ["--data-binary", "nmae: x\n"], 400, "nmae"),
                ("/v1/jobs", ["--data-binary", "name: [\n"], 400, "spec:2:1: not valid YAML"),
                ("/v1/jobs/999999", [], 404, "999999"),
                ("/v1/jobs?stat=running", [], 400, 'did you mean "state"?'),
                ("/v1/jobs/1", ["-H", "dl-api: 0"], 400, "speaks API 0"),
                ("/v1/jobs", ["-X", "PUT"], 405, "it has")):
            with self.subTest(path=path, arguments=arguments):
                got, body = self.curl(path, *arguments)
                self.assertEqual(got, status, body)
                self.assertIn(text, json.loads(body)["detail"])
        got, body = self.curl("/v1/jobs", token="wrong")
        self.assertEqual(got, 401)
        self.assertIn("token file", json.loads(body)["detail"])

    def test_the_openapi_document_is_valid(self):
        document = json.loads(self.curl("/openapi.json")[1])
        validate(document)
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertIn("/v1/jobs/{job}:cancel", document["paths"])

    def test_prometheus_reads_the_metrics(self):
        status, text = self.curl("/metrics")
        self.assertEqual(status, 200)
        families = {family.name: family for family in text_string_to_metric_families(text)}
        self.assertEqual([s.value for s in families["dl_nodes"].samples
                          if s.labels["state"] == "ready"], [1])
        for name, family in families.items():
            self.assertTrue(name.startswith("dl_"), name)
            self.assertTrue(family.documentation, name)
        self.assertEqual(families["dl_commit_seconds"].type, "histogram")

    def test_the_health_pages_answer_without_a_token(self):
        for path in ("/livez", "/readyz", "/readyz?verbose", "/version"):
            self.assertEqual(self.curl(path, token="")[0], 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
