// What the built-in worker trains, on which data and how: a JobSpec's sections `model`, `data`,
// `train` and `checkpoint`.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dl {

struct ModelSpec {
  std::string name;  // mlp, lenet, resnet18, resnet50, inception_v1, vgg19, wide_deep, transformer.
  std::uint32_t classes = 10;                      // Of images.
  std::vector<std::uint32_t> hidden = {200, 200};  // mlp, wide_deep: units of each hidden layer.
  double dropout = 0.0;                            // Where the model has a dropout layer.
  // wide_deep: values of each field, and numbers in the embedding of each.
  std::vector<std::uint32_t> categories = {10'000, 1'000, 1'000, 100, 100, 10, 10, 2};
  std::uint32_t embedding = 16;
  // transformer: tokens there are and tokens of a sample; layers of `width` numbers a token, whose
  // attention has so many heads.
  std::uint32_t vocabulary = 256;
  std::uint32_t context = 64;
  std::uint32_t width = 128;
  std::uint32_t layers = 2;
  std::uint32_t heads = 4;

  friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

struct DataSpec {
  std::string format;  // idx, synthetic.
  std::string path;    // idx: the folder of the four files, each plain or .gz.
  std::array<std::uint32_t, 3> shape = {3, 224, 224};  // synthetic: channels, height, width.
  std::uint64_t samples = 10'000;                      // synthetic: training samples.
  // idx: how many are cut off the training set's end to validate on; 0: the test files.
  std::uint64_t validation_samples = 0;

  friend bool operator==(const DataSpec&, const DataSpec&) = default;
};

struct ScheduleSpec {
  std::string name = "constant";   // constant, step, cosine, linear.
  double warmup_epochs = 0;        // Linear from 0 to learning_rate.
  double final_fraction = 0;       // cosine, linear: learning rate at the end ÷ at the start.
  std::uint32_t step_epochs = 30;  // step: every so many epochs …
  double gamma = 0.1;              // … the rate is multiplied by this.

  friend bool operator==(const ScheduleSpec&, const ScheduleSpec&) = default;
};

struct TrainSpec {
  std::uint32_t epochs = 1;
  std::uint64_t max_steps = 0;         // Ends training early; 0: no limit.
  std::uint32_t batch_size = 32;       // Global: over all workers, a multiple of their number.
  std::uint32_t accumulate_steps = 1;  // Parts that a worker takes its share of a batch in.
  std::string precision = "float32";   // float32, bfloat16, float16: of a model's arithmetic.
  std::string channels_last = "auto";  // auto, true, false: memory format of images.
  std::string non_finite = "stop";     // stop, skip: at gradients with NaN or infinity.
  std::string optimizer = "sgd";       // sgd, adam, adamw.
  double learning_rate = 0.01;
  double momentum = 0.9;  // sgd.
  bool nesterov = false;  // sgd.
  double weight_decay = 0.0;
  double beta1 = 0.9;  // adam, adamw.
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double clip_norm = 0;        // Global gradient norm; 0: not clipped.
  double label_smoothing = 0;  // Share of each label that is spread over all classes.
  ScheduleSpec schedule;
  std::uint64_t seed = 1;
  std::uint32_t report_every_steps = 10;
  std::uint32_t threads = 0;  // Of libtorch, per worker; 0: the task's CPU slots.
  bool deterministic = true;  // Bit-identical from run to run on the same number of workers.

  friend bool operator==(const TrainSpec&, const TrainSpec&) = default;
};

struct CheckpointSpec {
  std::string directory;           // Empty: the cluster's artifact folder.
  std::uint32_t every_epochs = 1;  // 0: not at epoch ends.
  std::uint64_t every_steps = 0;   // 0: not by steps.
  std::uint32_t keep = 2;          // The newest so many stay.

  friend bool operator==(const CheckpointSpec&, const CheckpointSpec&) = default;
};

}  // namespace dl
