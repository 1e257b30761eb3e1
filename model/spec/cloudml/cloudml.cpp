#include "model/spec/cloudml/cloudml.h"

#include <algorithm>
#include <array>

#include "model/spec/build.h"
#include "model/spec/dialect/native_job.h"

namespace dl::spec::cloudml {
namespace {

constexpr std::string_view kGoogles = "it is Google Cloud's; the nodes of this cluster are given";

// GPUs of the machine types that have them, in the order of the service's page.
struct MachineType {
  std::string_view name;
  std::string_view gpus;
};
constexpr std::array<MachineType, 9> kMachineTypes = {{{"standard_gpu", "1"},
                                                       {"complex_model_m_gpu", "4"},
                                                       {"complex_model_l_gpu", "8"},
                                                       {"standard_p100", "1"},
                                                       {"complex_model_m_p100", "4"},
                                                       {"standard_v100", "1"},
                                                       {"large_model_v100", "1"},
                                                       {"complex_model_m_v100", "4"},
                                                       {"complex_model_l_v100", "8"}}};

// What the service calls a role, and what it is here.
struct Pool {
  std::string_view prefix;  // masterType, masterConfig, masterCount.
  std::string_view role;
};
constexpr std::array<Pool, 4> kPools = {{{"master", "chief"},
                                         {"worker", "worker"},
                                         {"parameterServer", "ps"},
                                         {"evaluator", "evaluator"}}};

class Reader {
 public:
  explicit Reader(Findings& findings) : job_(findings), findings_(findings) {}

  Node read(const Node& root) {
    const Entry* input = find_field(root, "trainingInput");
    Fields document(root, "", findings_);
    if (input != nullptr) {
      if (const Entry* name = document.take("jobId"))
        job_.set_name(name->value.text, name->value.mark);
      document.ignore({"labels", "etag", "createTime", "startTime", "endTime", "state",
                       "errorMessage", "trainingOutput", "predictionInput"},
                      "this program numbers and records jobs itself");
      auto fields = document.take_fields("trainingInput");
      if (fields) read_training_input(*fields);
    } else {
      read_bare(document);
    }
    document.refuse_rest();
    return job_.finish(root.mark);
  }

 private:
  void read_bare(Fields& document) {
    if (auto hyperparameters = document.take_fields("hyperparameters"))
      read_hyperparameters(*hyperparameters);
  }

  void read_training_input(Fields& input) {
    read_cluster(input);
    read_program(input);
    input.ignore({"region", "network", "serviceAccount", "encryptionConfig", "enableWebAccess"},
                 kGoogles);
    input.ignore({"runtimeVersion", "pythonVersion"},
                 "the program runs with what is installed on the nodes");
    input.ignore("packageUris",
                 "packages are not fetched; install them on the nodes, or set workdir");
    input.ignore("scheduling", "jobs have no time limit of their own; search.stop.after has one");
    input.ignore("useChiefInTfConfig", "TF_CONFIG always says chief");
    if (auto hyperparameters = input.take_fields("hyperparameters")) {
      read_hyperparameters(*hyperparameters);
    } else {
      input.miss("hyperparameters",
                 "without a search the job is better written in the native "
                 "form");
    }
    input.refuse_rest();
  }

  // How many machines, of what kind.
  void read_cluster(Fields& input) {
    const auto scale = input.take_word(
        "scaleTier", {"BASIC", "BASIC_GPU", "BASIC_TPU", "STANDARD_1", "PREMIUM_1", "CUSTOM"});
    const Mark mark = scale ? find_field(input.node(), "scaleTier")->value.mark : Mark{};
    if (scale == "STANDARD_1" || scale == "PREMIUM_1") {
      const bool standard = scale == "STANDARD_1";
      job_.set("roles.chief.count", plain("1"), mark);
      job_.set("roles.worker.count", plain(standard ? "4" : "19"), mark);
      job_.set("roles.ps.count", plain(standard ? "3" : "11"), mark);
    } else if (scale == "BASIC_GPU") {
      job_.set("resources.gpus", plain("1"), mark);
    } else if (scale == "BASIC_TPU") {
      input.note(mark, "scaleTier", "ignored \"BASIC_TPU\": there are no TPUs here");
    }
    bool in_roles = job_.has("roles");
    for (const Pool& pool : kPools) {
      const Entry* count = input.take(std::string(pool.prefix) + "Count");
      if (count == nullptr || count->value.text == "0") continue;
      if (!in_roles) job_.set("roles.chief.count", plain("1"), count->mark);
      in_roles = true;
      job_.set("roles." + std::string(pool.role) + ".count", unquoted(count->value), count->mark);
    }
    for (const Pool& pool : kPools) read_pool(input, pool, in_roles);
  }

  void read_pool(Fields& input, const Pool& pool, bool in_roles) {
    const std::string role = "roles." + std::string(pool.role);
    const bool is_there = !in_roles || job_.has(role);
    const std::string gpus =
        in_roles ? role + ".gpus" : std::string(pool.role == "chief" ? "resources.gpus" : "");
    const std::string type_field = std::string(pool.prefix) + "Type";
    if (const Entry* type = input.take(type_field)) {
      const auto found =
          std::find_if(kMachineTypes.begin(), kMachineTypes.end(),
                       [&](const MachineType& m) { return m.name == type->value.text; });
      if (found != kMachineTypes.end() && is_there && !gpus.empty()) {
        job_.set(gpus, plain(found->gpus), type->value.mark);
        input.note(type->mark, type->key,
                   "read as " + std::string(found->gpus) +
                       (found->gpus == "1" ? " GPU of any kind" : " GPUs of any kind"));
      } else {
        input.note(
            type->mark, type->key,
            "ignored \"" + type->value.text + "\": a task asks for GPUs, CPU slots and memory");
      }
    }
    auto config = input.take_fields(std::string(pool.prefix) + "Config");
    if (!config) return;
    if (auto accelerator = config->take_fields("acceleratorConfig")) {
      const Entry* count = accelerator->take("count");
      if (count != nullptr && is_there && !gpus.empty())
        job_.set(gpus, unquoted(count->value), count->mark);
      accelerator->ignore("type", "a GPU is a GPU here; nodes of a kind are not told apart");
      accelerator->refuse_rest();
    }
    std::vector<std::string> words;
    for (const Node& word : config->take_items("containerCommand")) words.push_back(word.text);
    for (const Node& word : config->take_items("containerArgs")) words.push_back(word.text);
    if (!words.empty()) {
      words.emplace_back("${search.args}");
      job_.set(in_roles && pool.role != "chief" ? role + ".command" : "command",
               text(command_line(words)), config->node().mark);
    }
    config->ignore({"imageUri", "tpuTfVersion"}, "tasks run without images");
    config->ignore("diskConfig", kGoogles);
    config->refuse_rest();
  }

  // Trials get their values as flags behind the arguments of all of them.
  void read_program(Fields& input) {
    const Entry* module = input.take("pythonModule");
    const auto arguments = input.take_items("args");
    const Entry* job_dir = input.take("jobDir");
    if (module == nullptr) return;
    std::vector<std::string> words = {"python3", "-m", module->value.text};
    for (const Node& argument : arguments) words.push_back(argument.text);
    if (job_dir != nullptr) words.push_back("--job-dir=" + job_dir->value.text);
    words.emplace_back("${search.args}");
    job_.set("command", text(command_line(words)), module->value.mark);
  }

  void read_hyperparameters(Fields& fields) {
    const auto goal = fields.take_word("goal", {"MAXIMIZE", "MINIMIZE"});
    if (const Entry* entry = find_field(fields.node(), "goal")) {
      job_.set("search.goal", text(goal == "MAXIMIZE" ? "maximize" : "minimize"),
               entry->value.mark);
    }
    const Entry* tag = fields.take("hyperparameterMetricTag");
    job_.set("search.metric", tag != nullptr ? tag->value : text("training/hptuning/metric"),
             tag != nullptr ? tag->mark : fields.node().mark);
    const auto algorithm =
        fields.take_word("algorithm", {"ALGORITHM_UNSPECIFIED", "GRID_SEARCH", "RANDOM_SEARCH"});
    const std::string_view ours = algorithm == "GRID_SEARCH"     ? "grid"
                                  : algorithm == "RANDOM_SEARCH" ? "random"
                                                                 : "gp";
    job_.set("search.algorithm", text(ours), fields.node().mark);
    for (const auto& [theirs, key] : {std::pair("maxTrials", "search.max_trials"),
                                      std::pair("maxParallelTrials", "search.max_parallel")}) {
      // The service's default of either is 1.
      const Entry* entry = fields.take(theirs);
      job_.set(key, entry != nullptr ? unquoted(entry->value) : plain("1"),
               entry != nullptr ? entry->mark : fields.node().mark);
    }
    if (const Entry* failed = fields.take("maxFailedTrials");
        failed != nullptr && failed->value.text != "0") {
      job_.set("search.max_failed_trials", unquoted(failed->value), failed->mark);
    }
    if (fields.take_truth("enableTrialEarlyStopping"))
      job_.set("search.early_stopping.rule", text("median"), fields.node().mark);
    fields.ignore("resumePreviousJobId", "a search does not learn from another job's trials");
    const auto parameters = fields.take_items("params");
    if (parameters.empty()) fields.miss("params", "list the parameters to vary");
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Fields parameter(parameters[i], join_path(fields.path(), "params[" + std::to_string(i) + "]"),
                       findings_);
      read_parameter(parameter);
    }
    fields.refuse_rest();
  }

  void read_parameter(Fields& fields) {
    const Entry* name = fields.take("parameterName");
    const auto type = fields.take_word("type", {"DOUBLE", "INTEGER", "CATEGORICAL", "DISCRETE"});
    const auto scale =
        fields.take_word("scaleType", {"NONE", "UNIT_LINEAR_SCALE", "UNIT_LOG_SCALE",
                                       "UNIT_REVERSE_LOG_SCALE", "SCALE_TYPE_UNSPECIFIED"});
    const Entry* low = fields.take("minValue");
    const Entry* high = fields.take("maxValue");
    const Entry* words = fields.take("categoricalValues");
    const Entry* numbers = fields.take("discreteValues");
    fields.refuse_rest();
    if (name == nullptr) return fields.miss("parameterName", "name the flag of the parameter");
    if (!type) {
      if (find_field(fields.node(), "type") == nullptr)
        fields.miss("type", "say DOUBLE, INTEGER, CATEGORICAL or DISCRETE");
      return job_.add_refused(name->value.text, name->value.mark);
    }
    if (*type == "DOUBLE" || *type == "INTEGER") {
      if (low == nullptr) fields.miss("minValue", "say the lowest value");
      if (high == nullptr) fields.miss("maxValue", "say the highest value");
      if (low == nullptr || high == nullptr) return;
      job_.add_parameter(name->value.text, range(*type, scale, low->value, high->value),
                         name->value.mark);
    } else {
      const bool categorical = *type == "CATEGORICAL";
      const Entry* values = categorical ? words : numbers;
      if (values == nullptr) {
        return fields.miss(categorical ? "categoricalValues" : "discreteValues", "list the values");
      }
      Node node = map();
      node.mark = values->value.mark;
      put(node, "values", categorical ? in_quotes(values->value) : unquoted(values->value),
          values->mark);
      job_.add_parameter(name->value.text, std::move(node), name->value.mark);
    }
  }

  // Categories are texts, however they look.
  static Node in_quotes(Node list) {
    for (Node& item : list.items) item.quoted = true;
    return list;
  }

  static Node range(std::string_view type, std::optional<std::string_view> scale, const Node& low,
                    const Node& high) {
    const std::string_view ours = scale == "UNIT_LOG_SCALE"           ? "log"
                                  : scale == "UNIT_REVERSE_LOG_SCALE" ? "reverse_log"
                                                                      : "";
    if (type == "DOUBLE") return range_of(ours.empty() ? "double" : ours, low, high);
    Node node = range_of("int", low, high);
    if (!ours.empty()) put(node, "scale", text(ours), low.mark);
    return node;
  }

  NativeJob job_;
  Findings& findings_;
};

}  // namespace

bool recognizes(const Node& root) {
  if (find_field(root, "trainingInput") != nullptr) return true;
  const Entry* block = find_field(root, "hyperparameters");
  return block != nullptr &&
         (root.entries.size() == 1 || find_field(block->value, "params") != nullptr);
}

Node to_native(const Node& root, Findings& findings) { return Reader(findings).read(root); }

}  // namespace dl::spec::cloudml
