#!/usr/bin/env python3
"""One task of TensorFlow's ParameterServerStrategy: LeNet on Fashion-MNIST, as the guide has it.

  tensorflow_peer.py --batch 32 --steps 20 --data FOLDER     with TF_CONFIG in the environment

A custom loop with ClusterCoordinator: every worker has a dataset of its own, and what is scheduled
is a tf.function of `--steps` steps, so that the coordinator is asked once for so many. The chief
says "ready" when all has been traced and warmed up; then, for each line on its input with a number
of steps, it takes so many and prints a line of JSON. Meanwhile workers and servers wait.
"""

import argparse
import gzip
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # Keras 3 knows no parameter servers.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def read(folder, kind):
    with gzip.open(pathlib.Path(folder) / f"{kind}.gz") as file:
        return file.read()


def images_and_labels(folder):
    images = np.frombuffer(read(folder, "train-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(read(folder, "train-labels-idx1-ubyte"), np.uint8, offset=8)
    return images.reshape(-1, 28, 28, 1) / np.float32(255), labels.astype(np.int64)


def dataset(arguments):
    """Batches are gathered, not stacked from single images: the input is not to be what is slow."""
    images, labels = images_and_labels(arguments.data)
    images, labels = tf.constant(images), tf.constant(labels)
    order = tf.data.Dataset.range(len(labels)).shuffle(len(labels), seed=1).repeat()
    batches = order.batch(arguments.batch, drop_remainder=True)
    return batches.map(lambda ids: (tf.gather(images, ids), tf.gather(labels, ids))).prefetch(4)


def lenet():
    """The layers of worker/train/models/lenet.cpp."""
    layers = tf.keras.layers
    return tf.keras.Sequential([
        tf.keras.Input(shape=(28, 28, 1)),
        layers.Conv2D(16, 5), layers.MaxPooling2D(), layers.ReLU(),
        layers.Conv2D(64, 5), layers.MaxPooling2D(), layers.ReLU(),
        layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10)])


def make_step(arguments, strategy):
    with strategy.scope():
        model = lenet()
        optimizer = tf.keras.optimizers.legacy.SGD(0.01, momentum=0.9)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=tf.keras.losses.Reduction.NONE)

    def one_step(images, labels):
        with tf.GradientTape() as tape:
            losses = loss_of(labels, model(images, training=True))
            loss = tf.nn.compute_average_loss(losses, global_batch_size=arguments.batch)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    @tf.function
    def steps(iterator):
        loss = 0.0
        for _ in tf.range(arguments.steps):
            loss = strategy.run(one_step, args=next(iterator))
        return loss

    return model, steps


def lead(arguments, resolver):
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    model, steps = make_step(arguments, strategy)
    iterator = iter(coordinator.create_per_worker_dataset(lambda: dataset(arguments)))
    workers = resolver.cluster_spec().num_tasks("worker")

    def train(count):
        calls = max(workers, count // arguments.steps)
        losses = [coordinator.schedule(steps, args=(iterator,)) for _ in range(calls)]
        coordinator.join()
        return calls * arguments.steps, float(losses[-1].fetch())

    train(3 * workers * arguments.steps)
    print("ready", model.count_params(), flush=True)
    for line in sys.stdin:
        begin = time.monotonic()
        done, loss = train(int(line))
        seconds = time.monotonic() - begin
        print(json.dumps({"images_per_second": done * arguments.batch / seconds, "steps": done,
                          "loss": loss}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, required=True, help="of a worker")
    parser.add_argument("--steps", type=int, default=20, help="in one scheduled function")
    parser.add_argument("--intra-threads", type=int, default=1)
    parser.add_argument("--inter-threads", type=int, default=2)
    parser.add_argument("--data", required=True)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.intra_threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.inter_threads)
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.task_type == "chief":
        lead(arguments, resolver)
        return
    server = tf.distribute.Server(resolver.cluster_spec(), job_name=resolver.task_type,
                                  task_index=resolver.task_id, protocol="grpc", start=True)
    server.join()


if __name__ == "__main__":
    main()
