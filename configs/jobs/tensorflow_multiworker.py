"""Trains a small convolutional network on Fashion-MNIST with MultiWorkerMirroredStrategy.

Every worker runs this same script. Where the others are, TensorFlow reads from TF_CONFIG, which
the cluster sets.
"""

import argparse
import gzip
import os

import numpy as np
import tensorflow as tf


def read_idx(path):
    """The array of an IDX file of unsigned bytes, gzipped or not."""
    plain = path.removesuffix(".gz")
    opener = open if os.path.exists(plain) else gzip.open
    with opener(plain if opener is open else path, "rb") as file:
        zeros, kind, dimensions = np.frombuffer(file.read(4), dtype=">u2,u1,u1")[0]
        if zeros != 0 or kind != 8:
            raise SystemExit(f"{path} is no IDX file of unsigned bytes")
        shape = np.frombuffer(file.read(4 * dimensions), dtype=">u4")
        return np.frombuffer(file.read(), dtype=np.uint8).reshape(shape)


def training_data(folder, batch_size):
    images = read_idx(os.path.join(folder, "train-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(folder, "train-labels-idx1-ubyte.gz"))
    images = (images / np.float32(255))[..., np.newaxis]
    dataset = tf.data.Dataset.from_tensor_slices((images, labels.astype(np.int64)))
    return dataset.shuffle(len(labels), seed=1).repeat().batch(batch_size)


def build_model():
    model = tf.keras.Sequential([
        tf.keras.Input(shape=(28, 28, 1)),
        tf.keras.layers.Conv2D(16, 3, activation="relu"),
        tf.keras.layers.MaxPooling2D(),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(64, activation="relu"),
        tf.keras.layers.Dense(10),
    ])
    model.compile(
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=tf.keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
        metrics=["accuracy"],
    )
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--steps-per-epoch", type=int, default=50)
    parser.add_argument("--batch-size-per-worker", type=int, default=64)
    arguments = parser.parse_args()

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    batch_size = arguments.batch_size_per_worker * strategy.num_replicas_in_sync
    dataset = training_data(arguments.data, batch_size)
    with strategy.scope():
        model = build_model()
    history = model.fit(
        dataset,
        epochs=arguments.epochs,
        steps_per_epoch=arguments.steps_per_epoch,
        verbose=2,
    )
    print(f"{strategy.num_replicas_in_sync} workers, "
          f"accuracy {history.history['accuracy'][-1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
