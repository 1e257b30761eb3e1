#include <algorithm>

#include "model/spec/native/check_search.h"
#include "model/spec/native/read.h"

namespace dl::spec::native {
namespace {

constexpr std::size_t kNameLengthMax = 63;
constexpr std::string_view kDefaultName = "job";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// "python3" for "/usr/bin/python3 train.py": the command's first word as a job's name.
std::string name_of_command(std::string_view command) {
  const auto start = command.find_first_not_of(" \t\n");
  if (start == std::string_view::npos) return std::string(kDefaultName);
  std::string_view word = command.substr(start);
  word = word.substr(0, word.find_first_of(" \t\n;|&<>()"));
  if (const auto slash = word.rfind('/'); slash != std::string_view::npos)
    word = word.substr(slash + 1);
  std::string name;
  for (const char c : word.substr(0, kNameLengthMax)) {
    if (is_name_character(c)) name += c;
  }
  name.erase(0, name.find_first_not_of("._-"));
  return name.empty() ? std::string(kDefaultName) : name;
}

class Checker {
 public:
  Checker(const Node& root, JobSpec& job, Problems& problems)
      : root_(root), job_(job), problems_(problems) {}

  void check() {
    const bool has_model = root_.find("model") != nullptr;
    const bool has_command = root_.find("command") != nullptr;
    const bool has_roles = root_.find("roles") != nullptr;
    if (has_model && (has_command || has_roles)) {
      fail(has_command ? "command" : "roles",
           "a job has a model or a command, not both; remove one of them");
    } else if (has_model) {
      check_model();
    } else if (has_command || has_roles) {
      check_command(has_command, has_roles);
    } else {
      problems_.add(
          root_.mark, "",
          "the job has neither a model nor a command; add \"model: {name: lenet}\" and its "
          "data, or \"command: …\"");
      return;
    }
    check_resources();
    check_restarts();
    fill_name();
    if (root_.find("search") != nullptr) check_search(root_, job_, problems_);
  }

 private:
  // Says nothing where the value itself was refused: the reader knows of one problem a key.
  void fail(std::string_view path, std::string message) {
    if (problems_.touch(path)) return;
    problems_.add(place_of(root_, path), std::string(path), std::move(message));
  }

  bool is_given(std::string_view path) const { return find_entry(root_, path) != nullptr; }

  void check_model() {
    if (!is_given("model.name")) {
      fail("model.name",
           "is missing; name one of mlp, lenet, resnet18, resnet50, inception_v1, "
           "vgg19, wide_deep, transformer");
    }
    check_ids();
    check_data();
    check_train();
    check_strategy(root_, job_, problems_);
    check_compression();
  }

  // Of the models that do not read images.
  void check_ids() {
    const ModelSpec& model = *job_.model;
    const bool clicks = model.name == "wide_deep";
    const bool text = model.name == "transformer";
    if (!clicks && !text) return;
    if (clicks && model.categories.empty()) {
      fail("model.categories", "is empty; say how many values each field has");
    }
    if (job_.data.format == "idx") {
      fail("data.format", "idx files hold images, which " + model.name +
                              " does not read; write synthetic, or take another model");
    }
    const std::uint32_t heads = std::max(1u, model.heads);
    if (text && model.width % heads != 0 && !problems_.touch("model.heads")) {
      fail(is_given("model.width") ? "model.width" : "model.heads",
           "the width of " + std::to_string(model.width) + " cannot be shared evenly by " +
               std::to_string(heads) + " heads; take model.width " +
               std::to_string((model.width / heads + 1) * heads));
    }
  }

  void check_data() {
    if (!is_given("data.format")) {
      fail(is_given("data") ? "data.format" : "data",
           "is missing; a model needs data, such as {format: idx, path: /data/mnist}");
      return;
    }
    if (job_.data.format == "idx" && job_.data.path.empty()) {
      fail("data.path", "is missing; name the folder of the idx files");
    }
    if (job_.data.format == "text" && job_.data.path.empty()) {
      fail("data.path", "is missing; name the file to read");
    }
    if (job_.data.format == "text" && job_.model->name != "transformer") {
      fail("data.format", "text is read by the transformer alone; take another format or model");
    }
  }

  void check_train() {
    const std::uint32_t workers = std::max(1u, job_.strategy.workers);
    const std::uint32_t over = job_.train.batch_size % workers;
    if (over != 0 && !problems_.touch("train.batch_size") && !problems_.touch("strategy.workers")) {
      const std::uint64_t below = job_.train.batch_size - over;
      fail(
          is_given("train.batch_size") ? "train.batch_size" : "strategy.workers",
          "the batch of " + std::to_string(job_.train.batch_size) + " cannot be shared evenly by " +
              std::to_string(workers) + " workers; take train.batch_size " +
              (below == 0 ? "" : std::to_string(below) + " or ") + std::to_string(below + workers));
    }
    check_accumulation(workers);
    const bool on_cpu = job_.roles.empty() || job_.roles.front().resources.gpus == 0;
    if (job_.train.precision == "float16" && on_cpu) {
      fail("train.precision",
           "float16 needs GPUs, and the job asks for none (resources.gpus); "
           "take bfloat16");
    }
    if (job_.train.precision == "float16" && job_.strategy.name != "ring") {
      fail("train.precision",
           "float16 scales gradients, which only the strategy ring does; take "
           "bfloat16");
    }
    if (job_.train.schedule.warmup_epochs > job_.train.epochs && !problems_.touch("train.epochs")) {
      fail("train.schedule.warmup_epochs", "is longer than train.epochs, " +
                                               std::to_string(job_.train.epochs) +
                                               "; shorten the warm-up");
    }
    if (job_.train.optimizer == "sgd" && job_.train.nesterov && job_.train.momentum == 0) {
      fail("train.nesterov", "needs a train.momentum above 0");
    }
  }

  void check_accumulation(std::uint32_t workers) {
    if (problems_.touch("train.batch_size") || problems_.touch("strategy.workers")) return;
    const std::uint32_t share = job_.train.batch_size / workers;
    const std::uint32_t parts = std::max(1u, job_.train.accumulate_steps);
    if (job_.train.batch_size % workers != 0 || share % parts == 0) return;
    fail("train.accumulate_steps", "a worker's share of " + std::to_string(share) +
                                       " samples cannot be taken in " + std::to_string(parts) +
                                       " equal parts; take a train.batch_size that is a multiple "
                                       "of " +
                                       std::to_string(std::uint64_t{workers} * parts));
  }

  void check_compression() {
    const std::string& name = job_.strategy.compression.name;
    const bool on_gpus = std::ranges::any_of(
        job_.roles, [](const RoleSpec& role) { return role.resources.gpus > 0; });
    if (name != "none" && on_gpus) {
      fail("strategy.compression.name", "is " + name +
                                            ", which works on CPUs, and resources.gpus asks for "
                                            "GPUs; their gradients travel by NCCL. Remove one of "
                                            "them");
    }
  }

  void check_command(bool has_command, bool has_roles) {
    if (has_command && is_blank(job_.command)) {
      fail("command", "is empty; write the program to run");
    }
    if (!has_roles) return;
    if (is_given("resources")) {
      fail("resources", "stands beside roles; give each role its own, such as roles.worker.gpus");
    }
    if (job_.roles.empty()) {
      fail("roles", "has no role; add one, such as worker: {count: 2}");
      return;
    }
    check_roles(has_command);
  }

  void check_roles(bool has_command) {
    bool decides = false;
    for (const RoleSpec& role : job_.roles) {
      const std::string path = "roles." + std::string(to_string(role.role));
      const bool single = role.role == Role::kChief || role.role == Role::kEvaluator;
      if (single && role.count > 1)
        fail(path + ".count",
             "must be 1: a job has at most one " + std::string(to_string(role.role)));
      if (!has_command && is_blank(role.command)) {
        fail(path + ".command",
             "is missing; the role needs a command of its own, or the job one for all");
      }
      decides |= role.role == Role::kChief || role.role == Role::kWorker;
    }
    if (!decides) {
      fail("roles",
           "has neither a chief nor a worker, and the job ends when those have ended; add one");
    }
  }

  void check_resources() {
    for (const RoleSpec& role : job_.roles) {
      if (role.resources.gpus > 0 || role.resources.cpus > 0) continue;
      const std::string own = "roles." + std::string(to_string(role.role)) + ".cpus";
      fail(is_given("roles") ? own : "resources.cpus",
           "is 0, and so are the GPUs; a task needs one of them");
    }
  }

  void check_restarts() {
    if (job_.restarts.backoff_max < job_.restarts.backoff && !problems_.touch("restarts")) {
      fail(is_given("restarts.backoff_max") ? "restarts.backoff_max" : "restarts.backoff",
           "the longest wait, restarts.backoff_max, is shorter than the first, restarts.backoff");
    }
  }

  void fill_name() {
    if (is_given("name")) return;
    if (job_.model) {
      job_.name = job_.model->name;
      return;
    }
    const std::string* command = &job_.command;
    if (is_blank(*command) && !job_.roles.empty()) command = &job_.roles.front().command;
    job_.name = name_of_command(*command);
  }

  static bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  }

  const Node& root_;
  JobSpec& job_;
  Problems& problems_;
};

}  // namespace

void check_job(const Node& root, JobSpec& job, Problems& problems) {
  Checker(root, job, problems).check();
}

}  // namespace dl::spec::native
