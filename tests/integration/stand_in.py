#!/usr/bin/env python3
"""A training program in name only: takes hyperparameters as the dialects pass them, as flags or in
DET_HPARAMS, and reports score() of them under the metric's name to its agent.

    METRIC=loss AGENT_API=agent.pb stand_in.py train.py --lr=0.1 --layers 3

AGENT_API is a set of descriptors of dl/v1/agent.proto, as `protoc --descriptor_set_out` writes it.
"""

import json
import os
import signal
import sys
import time

STEPS = (1, 4, 16, 64, 256, 937)


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def score(parameters):
    """A number that tells any two sets of parameters apart; of a word its length counts."""
    total = 0.0
    for weight, name in enumerate(sorted(parameters), start=1):
        value = number(parameters[name])
        total += weight * (len(parameters[name]) if value is None else value)
    return total


def parameters_of(words):
    """`--lr=0.1 --layers 3`; words before the first flag are the program's name."""
    parameters = json.loads(os.environ.get("DET_HPARAMS", "{}"))
    waiting = None
    for word in words:
        if word.startswith("--"):
            waiting, equals, value = word[2:].partition("=")
            if equals:
                parameters[waiting] = value
        elif waiting is not None:
            parameters[waiting] = word
    return parameters


def report(values):
    """Sends one report for each of `values`, a pair of step and value, until all are acknowledged."""
    import grpc
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.message_factory import GetMessages

    with open(os.environ["AGENT_API"], "rb") as file:
        messages = GetMessages(FileDescriptorSet.FromString(file.read()).file)
    with open(os.environ["DL_TASK"], encoding="utf-8") as file:
        socket = json.load(file)["control_socket"]
    task = {"job": int(os.environ["DL_JOB"]), "trial": int(os.environ["DL_TRIAL"]),
            "attempt": int(os.environ["DL_ATTEMPT"]), "role": os.environ["DL_ROLE"],
            "index": int(os.environ["DL_INDEX"])}
    TaskReport, TaskAck = messages["dl.v1.TaskReport"], messages["dl.v1.TaskAck"]
    reports = [TaskReport(task=task, number=n, metrics=[{
        "name": os.environ["METRIC"], "step": step, "value": value,
        "time_us": int(time.time() * 1e6)}]) for n, (step, value) in enumerate(values, start=1)]
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        call = channel.stream_stream("/dl.v1.TaskService/Report", TaskReport.SerializeToString,
                                     TaskAck.FromString)
        for acknowledged in call(iter(reports), timeout=30):
            if acknowledged.number == len(reports):
                return


def main():
    if os.environ["DL_ROLE"] == "ps":
        signal.pause()  # Serves until it is stopped.
    if os.environ["DL_RANK"] != "0":
        return  # Others of the gang have nothing to say.
    value = score(parameters_of(sys.argv[1:]))
    report([(step, value) for step in STEPS])


if __name__ == "__main__":
    main()
