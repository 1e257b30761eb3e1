#include "model/spec/keys.h"

namespace dl::spec {
namespace {

using enum AppliesTo;

constexpr std::array<std::string_view, 8> kModels = {
    "mlp", "lenet", "resnet18", "resnet50", "inception_v1", "vgg19", "wide_deep", "transformer"};
constexpr std::array<std::string_view, 3> kFormats = {"idx", "text", "synthetic"};
constexpr std::array<std::string_view, 3> kPrecisions = {"float32", "bfloat16", "float16"};
constexpr std::array<std::string_view, 3> kAutoOrNot = {"auto", "true", "false"};
constexpr std::array<std::string_view, 2> kNonFinite = {"stop", "skip"};
constexpr std::array<std::string_view, 3> kOptimizers = {"sgd", "adam", "adamw"};
constexpr std::array<std::string_view, 4> kSchedules = {"constant", "step", "cosine", "linear"};
constexpr std::array<std::string_view, 7> kStrategies = {
    "ring", "ps", "hybrid", "partitioned", "local_sgd", "averaging", "ensemble"};
constexpr std::array<std::string_view, 9> kAlgorithms = {
    "sync", "async", "hogwild", "bounded", "downpour", "adag", "dynsgd", "aeasgd", "eamsgd"};
constexpr std::array<std::string_view, 4> kFrequencies = {"batch", "window", "epoch", "once"};
constexpr std::array<std::string_view, 6> kServerOptimizers = {"sgd",  "momentum", "adagrad",
                                                               "adam", "adamw",    "none"};

constexpr std::array<std::string_view, 2> kTransports = {"auto", "tcp"};
constexpr std::array<std::string_view, 6> kCompressions = {"none",  "fp16",      "bf16",
                                                           "top_k", "power_sgd", "int8"};

constexpr std::uint64_t kHour = 3'600'000;

constexpr Rule from(std::uint64_t least, std::uint64_t most) {
  return {.least = least, .most = most};
}
constexpr Rule one_of(std::span<const std::string_view> words) { return {.words = words}; }
constexpr Rule text(Form form) { return {.form = form}; }
constexpr Rule bytes_from(std::uint64_t least, std::uint64_t most) {
  return {.least = least, .most = most, .bytes = true};
}
constexpr Rule auto_or_bytes_from(std::uint64_t least, std::uint64_t most) {
  return {.least = least, .most = most, .bytes = true, .zero = "auto"};
}
constexpr Rule above_up_to(double low, double high) {
  return {.low = low, .high = high, .excludes_low = true};
}
constexpr Rule at_least(double low) { return {.low = low}; }
constexpr Rule above(double low) { return {.low = low, .excludes_low = true}; }
constexpr Rule between(double low, double high) { return {.low = low, .high = high}; }
constexpr Rule below_one() { return {.low = 0, .high = 1, .excludes_high = true}; }
constexpr Rule anything() { return {}; }

ModelSpec& model_of(Target target) {
  if (!target.job.model) target.job.model.emplace();
  return *target.job.model;
}

template <class Value>
Field field(Value& (*member)(Target)) {
  return Field(member);
}

// DL_JOB(train.epochs): the accessor of a field. Macros, for no pointer to a member reaches deeper.
#define DL_JOB(member) field(+[](Target t) -> decltype((t.job.member)) { return t.job.member; })
#define DL_MODEL(member) field(+[](Target t) -> auto& { return model_of(t).member; })
#define DL_ROLE(member) field(+[](Target t) -> decltype((t.role.member)) { return t.role.member; })
#define DL_BUDGET(kind) \
  field(+[](Target t) -> auto& { return t.job.restarts.budget[static_cast<std::size_t>(kind)]; })

std::vector<Key> job_keys() {
  return {
      {"name", DL_JOB(name), text(Form::kName), kEveryJob,
       "the model's name, or the command's first word",
       "What the job is called: letters, digits, `.`, `_` and `-`, at most 63"},
      {"command", DL_JOB(command), anything(), kCommand, "",
       "The program to run in place of a model, by `/bin/sh -c`. Each task gets `TF_CONFIG`, "
       "torchrun's variables and `DL_*`"},
      {"workdir", DL_JOB(workdir), text(Form::kAbsolutePath), kCommand,
       "a scratch folder of the task", "The folder the command runs in, on every node"},
      {"env", DL_JOB(env), anything(), kEveryJob, "",
       "Environment variables of every task. They win over the cluster's own"},
      {"grace", DL_JOB(grace), from(0, kHour), kEveryJob, "",
       "How long a task that is being stopped has between SIGTERM and SIGKILL"},
  };
}

std::vector<Key> resource_keys() {
  return {
      {"resources.gpus", DL_ROLE(resources.gpus), from(0, 64), kEveryJob, "",
       "GPUs of each worker, all on one node"},
      {"resources.cpus", DL_ROLE(resources.cpus), from(0, 4096), kEveryJob, "1; 0 with GPUs",
       "CPU slots of each worker"},
      {"resources.memory", DL_ROLE(resources.memory_bytes), bytes_from(0, 1ull << 50), kEveryJob,
       "", "Memory of each worker; 0: neither accounted nor limited"},
      {"roles.*.count", DL_ROLE(count), from(1, 4096), kCommand, "",
       "Tasks of this role. At most one chief and one evaluator"},
      {"roles.*.gpus", DL_ROLE(resources.gpus), from(0, 64), kCommand, "",
       "GPUs of each task, all on one node"},
      {"roles.*.cpus", DL_ROLE(resources.cpus), from(0, 4096), kCommand, "1; 0 with GPUs",
       "CPU slots of each task"},
      {"roles.*.memory", DL_ROLE(resources.memory_bytes), bytes_from(0, 1ull << 50), kCommand, "",
       "Memory of each task; 0: neither accounted nor limited"},
      {"roles.*.command",
       DL_ROLE(command),
       {},
       kCommand,
       "the job's `command`",
       "The program of this role alone"},
  };
}

std::vector<Key> model_keys() {
  return {
      {"model.name", DL_MODEL(name), one_of(kModels), kModel, "required", "The network to train"},
      {"model.classes", DL_MODEL(classes), from(2, 1'000'000), kModel, "",
       "Classes of images that it tells apart; wide_deep has two and transformer its vocabulary"},
      {"model.hidden", DL_MODEL(hidden), from(1, 1u << 20), kModel, "",
       "mlp, wide_deep: units of each hidden layer"},
      {"model.dropout", DL_MODEL(dropout), below_one(), kModel, "",
       "Share of units dropped where the network has a dropout layer"},
      {"model.categories", DL_MODEL(categories), from(1, 1u << 30), kModel, "",
       "wide_deep: how many values each field of a sample has"},
      {"model.embedding", DL_MODEL(embedding), from(1, 4096), kModel, "",
       "wide_deep: numbers in the embedding of a value"},
      {"model.vocabulary", DL_MODEL(vocabulary), from(2, 1u << 24), kModel, "",
       "transformer: how many tokens there are"},
      {"model.context", DL_MODEL(context), from(1, 1u << 17), kModel, "",
       "transformer: tokens of a sample"},
      {"model.width", DL_MODEL(width), from(1, 1u << 16), kModel, "",
       "transformer: numbers that stand for a token between its layers, a multiple of the heads"},
      {"model.layers", DL_MODEL(layers), from(1, 1024), kModel, "",
       "transformer: layers, each of attention and two linear ones"},
      {"model.heads", DL_MODEL(heads), from(1, 1024), kModel, "",
       "transformer: heads of each attention"},
      {"data.format", DL_JOB(data.format), one_of(kFormats), kModel, "required",
       "`idx`: the MNIST files; `text`: any file, by bytes; `synthetic`: made up from the seed, "
       "what the model takes"},
      {"data.path", DL_JOB(data.path), text(Form::kAbsolutePath), kModel,
       "required with idx and text",
       "idx: the folder of the four files, each plain or `.gz`; text: the file; on every node"},
      {"data.shape", DL_JOB(data.shape), from(1, 65'536), kModel, "",
       "synthetic images: channels, height, width"},
      {"data.samples", DL_JOB(data.samples), from(1, 1ull << 40), kModel, "",
       "synthetic: training samples"},
      {"data.validation_samples", DL_JOB(data.validation_samples), from(0, 1ull << 40), kModel, "",
       "Samples held out of training; 0: the test files of idx, else a tenth"},
  };
}

std::vector<Key> train_keys() {
  return {
      {"train.epochs", DL_JOB(train.epochs), from(1, 1'000'000), kModel, "",
       "Passes over the data"},
      {"train.max_steps", DL_JOB(train.max_steps), anything(), kModel, "",
       "Ends training after so many optimizer steps; 0: no limit"},
      {"train.batch_size", DL_JOB(train.batch_size), from(1, 1u << 24), kModel, "",
       "Samples of a step over all workers: a multiple of their number"},
      {"train.accumulate_steps", DL_JOB(train.accumulate_steps), from(1, 65'536), kModel, "",
       "Parts, each with a forward and backward pass of its own, that a worker takes its share of "
       "a "
       "step in, for less memory; the gradients are added up and exchanged once"},
      {"train.precision", DL_JOB(train.precision), one_of(kPrecisions), kModel, "",
       "Arithmetic of the model where it is safe (autocast); the parameters stay float32. float16 "
       "needs GPUs, and scales the loss by itself"},
      {"train.channels_last", DL_JOB(train.channels_last), one_of(kAutoOrNot), kModel, "",
       "Memory format of images, which makes convolutions faster; auto: true where there are any"},
      {"train.non_finite", DL_JOB(train.non_finite), one_of(kNonFinite), kModel, "",
       "At gradients that are not finite: `stop` fails and says whose; `skip` leaves the step out "
       "on "
       "all workers, at most ten times in a row"},
      {"train.optimizer", DL_JOB(train.optimizer), one_of(kOptimizers), kModel, "",
       "The update rule"},
      {"train.learning_rate", DL_JOB(train.learning_rate), above(0), kModel, "",
       "Step size before the schedule"},
      {"train.momentum", DL_JOB(train.momentum), below_one(), kModel, "", "sgd: momentum"},
      {"train.nesterov", DL_JOB(train.nesterov), anything(), kModel, "",
       "sgd: Nesterov's momentum"},
      {"train.weight_decay", DL_JOB(train.weight_decay), at_least(0), kModel, "",
       "L2 penalty; adamw: decoupled decay"},
      {"train.beta1", DL_JOB(train.beta1), below_one(), kModel, "",
       "adam, adamw: decay of the mean"},
      {"train.beta2", DL_JOB(train.beta2), below_one(), kModel, "",
       "adam, adamw: decay of the variance"},
      {"train.epsilon", DL_JOB(train.epsilon), above(0), kModel, "",
       "adam, adamw: added to the denominator"},
      {"train.clip_norm", DL_JOB(train.clip_norm), at_least(0), kModel, "",
       "Largest norm of the whole gradient; 0: not clipped"},
      {"train.label_smoothing", DL_JOB(train.label_smoothing), below_one(), kModel, "",
       "Share of each label that the training loss spreads evenly over all classes"},
      {"train.seed", DL_JOB(train.seed), anything(), kModel, "",
       "Of the parameters, the order of samples and synthetic data"},
      {"train.report_every_steps", DL_JOB(train.report_every_steps), from(1, 1'000'000), kModel, "",
       "Steps between two reports of progress and metrics"},
      {"train.threads", DL_JOB(train.threads), from(0, 1024), kModel, "",
       "Threads of each worker's arithmetic; 0: its CPU slots"},
      {"train.deterministic", DL_JOB(train.deterministic), anything(), kModel, "",
       "The same bits in every run on the same number of workers"},
      {"train.schedule.name", DL_JOB(train.schedule.name), one_of(kSchedules), kModel, "",
       "How the learning rate changes"},
      {"train.schedule.warmup_epochs", DL_JOB(train.schedule.warmup_epochs), at_least(0), kModel,
       "", "Epochs of linear growth from 0 to the learning rate"},
      {"train.schedule.final_fraction", DL_JOB(train.schedule.final_fraction), between(0, 1),
       kModel, "", "cosine, linear: the last learning rate ÷ the first"},
      {"train.schedule.step_epochs", DL_JOB(train.schedule.step_epochs), from(1, 1'000'000), kModel,
       "", "step: epochs between two drops"},
      {"train.schedule.gamma", DL_JOB(train.schedule.gamma), above(0), kModel, "",
       "step: factor of a drop"},
  };
}

std::vector<Key> strategy_keys() {
  return {
      {"strategy.name", DL_JOB(strategy.name), one_of(kStrategies), kModel, "",
       "How the workers come to agree: [strategies.md](strategies.md) says when to take which"},
      {"strategy.workers", DL_JOB(strategy.workers), from(1, 4096), kModel, "",
       "Processes that train together"},
      {"strategy.transport", DL_JOB(strategy.transport), one_of(kTransports), kModel, "",
       "`auto`: tasks of one host exchange bytes by memory that they share, others by TCP; `tcp`: "
       "all by TCP"},
      {"strategy.bucket_bytes", DL_JOB(strategy.bucket_bytes), auto_or_bytes_from(1024, 1u << 30),
       kModel, "",
       "ring: gradients are reduced in buckets of this size; `auto`: one that the first steps find "
       "out"},
      {"strategy.servers", DL_JOB(strategy.servers), from(1, 4096), kModel, "",
       "ps, hybrid: parameter servers, each a task of role `ps` with one CPU slot"},
      {"strategy.replicate", DL_JOB(strategy.replicate), anything(), kModel, "",
       "ps, hybrid: every push is with two servers before it is acknowledged"},
      {"strategy.algorithm", DL_JOB(strategy.algorithm), one_of(kAlgorithms), kModel, "`sync`",
       "ps, hybrid: when workers push, and what the servers make of it"},
      {"strategy.frequency", DL_JOB(strategy.frequency), one_of(kFrequencies), kModel,
       "`epoch`; bounded: `batch`",
       "async, hogwild, bounded: how often a worker pushes and pulls (`batch`, `window`, `epoch`); "
       "averaging: after each `epoch`, or `once`"},
      {"strategy.window", DL_JOB(strategy.window), from(1, 1'000'000), kModel,
       "downpour, dynsgd 5, adag 12, aeasgd, eamsgd 32; local_sgd: found out",
       "Steps of a worker between two exchanges"},
      {"strategy.staleness", DL_JOB(strategy.staleness), from(0, 1'000'000), kModel, "",
       "bounded: how many pushes a worker may be ahead of the slowest"},
      {"strategy.rho", DL_JOB(strategy.rho), above(0), kModel, "",
       "aeasgd, eamsgd: how strongly a worker and the centre attract each other"},
      {"strategy.elastic_rate", DL_JOB(strategy.elastic_rate), above(0), kModel, "",
       "aeasgd, eamsgd: each exchange moves by rho × elastic_rate of the difference, at most all"},
      {"strategy.momentum", DL_JOB(strategy.momentum), below_one(), kModel, "",
       "eamsgd: Nesterov's momentum of each worker, in place of `train.momentum`"},
      {"strategy.server_optimizer", DL_JOB(strategy.server_optimizer), one_of(kServerOptimizers),
       kModel, "as `train.optimizer`; async, hogwild: `none`",
       "What the servers do with gradients; `none`: workers step by themselves and the servers add "
       "up how far they came"},
      {"strategy.target_communication", DL_JOB(strategy.target_communication), between(0.0001, 1),
       kModel, "",
       "local_sgd: time of communication ÷ time of computation that the window is "
       "chosen for"},
      {"strategy.group_size", DL_JOB(strategy.group_size), from(2, 4096), kModel,
       "the workers of a node", "hybrid: workers of one ring, a divisor of `workers`"},
  };
}

std::vector<Key> compression_keys() {
  return {
      {"strategy.compression.name", DL_JOB(strategy.compression.name), one_of(kCompressions),
       kModel, "", "ring: what gradients are on the wire"},
      {"strategy.compression.ratio", DL_JOB(strategy.compression.ratio), above_up_to(0, 0.5),
       kModel, "", "top_k: share of the elements that is sent in a step"},
      {"strategy.compression.rank", DL_JOB(strategy.compression.rank), from(1, 256), kModel, "",
       "power_sgd: columns of the factors that a gradient becomes"},
      {"strategy.compression.start_step", DL_JOB(strategy.compression.start_step), anything(),
       kModel, "", "Steps before this one are not compressed"},
      {"strategy.compression.auto", DL_JOB(strategy.compression.automatic), anything(), kModel, "",
       "Tries in the first steps whether steps are quicker without, and goes on so if they are"},
  };
}

std::vector<Key> durability_keys() {
  return {
      {"checkpoint.directory", DL_JOB(checkpoint.directory), text(Form::kAbsolutePath), kModel,
       "the cluster's artifact folder",
       "Where checkpoints, events and the model go, on every node"},
      {"checkpoint.every_epochs", DL_JOB(checkpoint.every_epochs), from(0, 1'000'000), kModel, "",
       "Epochs between two checkpoints; 0: not at the ends of epochs"},
      {"checkpoint.every_steps", DL_JOB(checkpoint.every_steps), anything(), kModel, "",
       "Steps between two checkpoints; 0: not by steps"},
      {"checkpoint.keep", DL_JOB(checkpoint.keep), from(1, 1'000'000), kModel, "",
       "The newest so many stay"},
      {"restarts.user_code", DL_BUDGET(FailureKind::kUserCode), from(0, 1'000'000), kEveryJob, "",
       "Restarts after the program failed"},
      {"restarts.out_of_memory", DL_BUDGET(FailureKind::kOutOfMemory), from(0, 1'000'000),
       kEveryJob, "", "… after it ran out of memory"},
      {"restarts.node_lost", DL_BUDGET(FailureKind::kNodeLost), from(0, 1'000'000), kEveryJob, "",
       "… after a node went away"},
      {"restarts.preempted", DL_BUDGET(FailureKind::kPreempted), from(0, 1'000'000), kEveryJob, "",
       "… after it gave way to another job"},
      {"restarts.communication", DL_BUDGET(FailureKind::kCommunication), from(0, 1'000'000),
       kEveryJob, "", "… after one task could not reach another"},
      {"restarts.infrastructure", DL_BUDGET(FailureKind::kInfrastructure), from(0, 1'000'000),
       kEveryJob, "", "… after a fault of the cluster"},
      {"restarts.backoff", DL_JOB(restarts.backoff), from(0, 24 * kHour), kEveryJob, "",
       "Wait before the first restart; doubles each time"},
      {"restarts.backoff_max", DL_JOB(restarts.backoff_max), from(0, 24 * kHour), kEveryJob, "",
       "Longest wait before a restart"},
  };
}

#undef DL_JOB
#undef DL_MODEL
#undef DL_ROLE
#undef DL_BUDGET

std::vector<Key> all_keys() {
  std::vector<Key> all;
  for (const auto& part : {job_keys(), model_keys(), train_keys(), strategy_keys(),
                           compression_keys(), durability_keys(), resource_keys(), search_keys()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> table = all_keys();
  return table;
}

std::string_view last_part(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

}  // namespace dl::spec
