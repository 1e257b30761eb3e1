#!/usr/bin/env python3
"""grpcio and nothing generated: the services say by reflection what they are."""

import pathlib
import sys
import unittest

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from cluster import Cluster  # noqa: E402


class Client:
    """Calls methods of the services at `address` by their names."""

    def __init__(self, address, token):
        self.channel = grpc.insecure_channel(address)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def call(self, service, method, **fields):
        descriptor = self.pool.FindServiceByName(service).FindMethodByName(method)
        request = GetMessageClass(descriptor.input_type)(**fields)
        kind = self.channel.unary_stream if descriptor.server_streaming else self.channel.unary_unary
        return kind(f"/{service}/{method}", type(request).SerializeToString,
                    GetMessageClass(descriptor.output_type).FromString)(
                        request, metadata=self.metadata, timeout=60)


class GrpcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(agents=1)
        cls.cluster.__enter__()
        cls.client = Client(cls.cluster.address, cls.cluster.token)

    @classmethod
    def tearDownClass(cls):
        cls.client.channel.close()
        cls.cluster.__exit__(None, None, None)

    def test_the_services_are_listed(self):
        services = set(self.client.database.get_services())
        self.assertLessEqual({"dl.v1.JobService", "dl.v1.ClusterService",
                              "grpc.health.v1.Health"}, services)

    def test_a_job_is_submitted_and_watched(self):
        answer = self.client.call("dl.v1.JobService", "SubmitJob",
                                  document="name: g\ncommand: echo hi\nresources: {cpus: 1}\n")
        self.assertEqual(answer.name, "g")
        events = list(self.client.call("dl.v1.JobService", "WatchJob", job=str(answer.job)))
        self.assertGreater(len(events), 2)
        job = self.client.call("dl.v1.JobService", "GetJob", job=str(answer.job))
        state = job.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[job.state].name
        self.assertEqual(state, "JOB_STATE_SUCCEEDED")

    def test_a_wrong_token_is_refused(self):
        stranger = Client(self.cluster.address, "x" * 64)
        with self.assertRaises(grpc.RpcError) as refused:
            stranger.call("dl.v1.JobService", "ListJobs")
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        stranger.channel.close()

    def test_the_server_is_healthy(self):
        # gRPC's own health service has no descriptor to reflect: an empty request, status SERVING.
        check = self.client.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(check(b"", timeout=10), b"\x08\x01")


if __name__ == "__main__":
    unittest.main(verbosity=2)
