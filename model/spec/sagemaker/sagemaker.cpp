#include "model/spec/sagemaker/sagemaker.h"

#include "model/spec/build.h"
#include "model/spec/dialect/native_job.h"
#include "model/spec/values.h"

namespace dl::spec::sagemaker {
namespace {

constexpr std::string_view kAmazons = "it is Amazon's; the nodes of this cluster are given";

// "\"train.py\"": the service's SDK writes static values as JSON.
std::string without_json_quotes(std::string text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

class Reader {
 public:
  explicit Reader(Findings& findings) : job_(findings), findings_(findings) {}

  Node read(const Node& root) {
    Fields document(root, "", findings_);
    if (find_field(root, "HyperParameterTuningJobConfig") == nullptr) {
      read_config(document);
    } else {
      if (const Entry* name = document.take("HyperParameterTuningJobName"))
        job_.set_name(name->value.text, name->value.mark);
      if (auto config = document.take_fields("HyperParameterTuningJobConfig")) read_config(*config);
      if (auto training = document.take_fields("TrainingJobDefinition")) read_training(*training);
      if (const Entry* several = document.take("TrainingJobDefinitions"))
        read_several(document, *several);
      document.ignore("WarmStartConfig", "a search does not learn from another job's trials");
      document.ignore("Tags", "jobs have no tags");
      document.ignore("Autotune", "what it would choose has defaults here");
      document.refuse_rest();
    }
    set_command();
    return job_.finish(root.mark);
  }

 private:
  void read_several(Fields& document, const Entry& several) {
    if (several.value.items.size() == 1) {
      Fields only(several.value.items.front(), "TrainingJobDefinitions[0]", findings_);
      return read_training(only);
    }
    document.fail(several.mark, several.key,
                  "has several jobs to tune together; submit one document for each");
  }

  void read_config(Fields& config) {
    const auto strategy = config.take_word("Strategy", {"Bayesian", "Random", "Hyperband", "Grid"});
    const std::string_view algorithm = strategy == "Random"      ? "random"
                                       : strategy == "Hyperband" ? "hyperband"
                                       : strategy == "Grid"      ? "grid"
                                                                 : "gp";
    job_.set("search.algorithm", text(algorithm), config.node().mark);
    if (strategy == "Hyperband") {
      job_.set("search.halving.resource", text("reports"), config.node().mark);
      job_.set("search.halving.reduction", plain("3"), config.node().mark);
    }
    if (auto outer = config.take_fields("StrategyConfig")) {
      if (auto hyperband = outer->take_fields("HyperbandStrategyConfig")) {
        job_.copy(*hyperband, "MinResource", "search.halving.min_resource");
        job_.copy(*hyperband, "MaxResource", "search.halving.max_resource");
        hyperband->refuse_rest();
      }
      outer->refuse_rest();
    }
    if (auto objective = config.take_fields("HyperParameterTuningJobObjective"))
      read_objective(*objective);
    read_limits(config);
    if (const auto stopping = config.take_word("TrainingJobEarlyStoppingType", {"Off", "Auto"});
        stopping == "Auto") {
      job_.set("search.early_stopping.rule", text("median"), config.node().mark);
      job_.set("search.halving.resource", text("reports"), config.node().mark);
    }
    job_.copy(config, "RandomSeed", "search.seed");
    if (auto ranges = config.take_fields("ParameterRanges")) {
      read_ranges(*ranges);
    } else {
      config.miss("ParameterRanges", "list the parameters to vary");
    }
    config.refuse_rest();
  }

  void read_objective(Fields& objective) {
    const auto type = objective.take_word("Type", {"Maximize", "Minimize"});
    if (find_field(objective.node(), "Type") != nullptr) {
      job_.set("search.goal", text(type == "Maximize" ? "maximize" : "minimize"),
               objective.node().mark);
    }
    if (const Entry* name = objective.take("MetricName"))
      job_.set("search.metric", name->value, name->mark);
    objective.refuse_rest();
  }

  void read_limits(Fields& config) {
    if (auto limits = config.take_fields("ResourceLimits")) {
      job_.copy(*limits, "MaxNumberOfTrainingJobs", "search.max_trials");
      job_.copy(*limits, "MaxParallelTrainingJobs", "search.max_parallel");
      if (const Entry* seconds = limits->take("MaxRuntimeInSeconds"))
        job_.set("search.stop.after", text(seconds->value.text + "s"), seconds->value.mark);
      limits->refuse_rest();
    }
    auto criteria = config.take_fields("TuningJobCompletionCriteria");
    if (!criteria) return;
    job_.copy(*criteria, "TargetObjectiveMetricValue", "search.stop.target");
    if (auto gain = criteria->take_fields("BestObjectiveNotImproving")) {
      job_.copy(*gain, "MaxNumberOfTrainingJobsNotImproving", "search.stop.trials_without_gain");
      gain->refuse_rest();
    }
    criteria->ignore("ConvergenceDetected",
                     "say by search.stop.trials_without_gain when to give up");
    criteria->refuse_rest();
  }

  void read_ranges(Fields& ranges) {
    const auto each = [&](std::string_view list, const auto& read) {
      const auto items = ranges.take_items(list);
      for (std::size_t i = 0; i < items.size(); ++i) {
        Fields fields(items[i],
                      join_path(ranges.path(), std::string(list) + "[" + std::to_string(i) + "]"),
                      findings_);
        const Entry* name = fields.take("Name");
        if (name == nullptr) fields.miss("Name", "name the hyperparameter");
        Node value = read(fields);
        fields.refuse_rest();
        if (name != nullptr && value.kind != Node::Kind::kNull)
          job_.add_parameter(name->value.text, std::move(value), name->value.mark);
      }
    };
    each("ContinuousParameterRanges", [&](Fields& fields) { return range(fields, "double"); });
    each("IntegerParameterRanges", [&](Fields& fields) { return range(fields, "int"); });
    each("CategoricalParameterRanges", [&](Fields& fields) { return categories(fields); });
    each("AutoParameters", [&](Fields& fields) {
      fields.take("ValueHint");
      fields.fail(fields.node().mark, "",
                  "leaves its range to the service; write it down among the other ranges");
      return Node{};
    });
    ranges.refuse_rest();
  }

  static Node categories(Fields& fields) {
    const Entry* values = fields.take("Values");
    if (values == nullptr) {
      fields.miss("Values", "list the categories");
      return {};
    }
    Node node = map();
    node.mark = values->value.mark;
    Node texts = values->value;
    for (Node& item : texts.items) item.quoted = true;
    put(node, "values", std::move(texts), values->mark);
    return node;
  }

  static Node range(Fields& fields, std::string_view type) {
    const Entry* low = fields.take("MinValue");
    const Entry* high = fields.take("MaxValue");
    const auto scale =
        fields.take_word("ScalingType", {"Auto", "Linear", "Logarithmic", "ReverseLogarithmic"});
    if (low == nullptr) fields.miss("MinValue", "say the lowest value");
    if (high == nullptr) fields.miss("MaxValue", "say the highest value");
    if (low == nullptr || high == nullptr) return {};
    if (scale == "Auto") {
      fields.note(find_field(fields.node(), "ScalingType")->mark, "ScalingType",
                  "read \"Auto\" as Linear: this program does not guess scales");
    }
    const bool is_log = scale == "Logarithmic", is_reverse = scale == "ReverseLogarithmic";
    const std::string_view ours = is_log ? "log" : is_reverse ? "reverse_log" : "";
    Node node = range_of(type == "int" || ours.empty() ? type : ours, low->value, high->value);
    if (type == "int" && !ours.empty()) put(node, "scale", text(ours), low->mark);
    if (is_reverse) put(node, "ceiling", plain("1"), low->mark);
    return node;
  }

  void read_training(Fields& training) {
    if (auto statics = training.take_fields("StaticHyperParameters")) read_statics(*statics);
    if (auto algorithm = training.take_fields("AlgorithmSpecification")) read_algorithm(*algorithm);
    if (auto resources = training.take_fields("ResourceConfig")) {
      const Entry* count = resources->take("InstanceCount");
      if (count != nullptr && count->value.text != "1")
        job_.set("roles.worker.count", unquoted(count->value), count->mark);
      resources->ignore("InstanceType",
                        "a task asks for GPUs, CPU slots and memory; add "
                        "--set resources.gpus=1");
      resources->ignore_rest(kAmazons);
    }
    if (auto environment = training.take_fields("Environment")) {
      for (const Entry& variable : environment->node().entries)
        job_.set_env(variable.key, variable.value.text, variable.mark);
    }
    training.ignore("StoppingCondition",
                    "trials have no time limit; search.stop.after has one for them all");
    training.ignore({"InputDataConfig", "OutputDataConfig", "CheckpointConfig"},
                    "data is where the program finds it; nothing is copied");
    training.ignore("RetryStrategy", "restarts.* says how often each kind of failure is retried");
    training.ignore({"RoleArn", "VpcConfig", "EnableNetworkIsolation", "EnableManagedSpotTraining",
                     "EnableInterContainerTrafficEncryption", "HyperParameterTuningResourceConfig"},
                    kAmazons);
    training.ignore({"DefinitionName", "TuningObjective", "HyperParameterRanges"},
                    "it belongs to several jobs that are tuned together");
    training.refuse_rest();
  }

  // The same for every trial; with the varied ones they make the program's arguments.
  void read_statics(Fields& statics) {
    for (const Entry& entry : statics.node().entries) {
      const std::string value = without_json_quotes(entry.value.text);
      if (entry.key == "sagemaker_program") {
        words_ = {"python3", value};
        command_mark_ = entry.mark;
      } else if (entry.key.starts_with("sagemaker_")) {
        statics.note(entry.mark, entry.key,
                     "ignored " + quoted(value) + ": it is for the service's own toolkit");
      } else {
        job_.add_parameter(entry.key, text(value), entry.mark);
      }
    }
  }

  void read_algorithm(Fields& algorithm) {
    const auto entry_point = algorithm.take_items("ContainerEntrypoint");
    const auto arguments = algorithm.take_items("ContainerArguments");
    if (!entry_point.empty()) {
      words_.clear();
      for (const Node& word : entry_point) words_.push_back(word.text);
      command_mark_ = algorithm.node().mark;
    }
    for (const Node& word : arguments) words_.push_back(word.text);
    algorithm.ignore({"TrainingImage", "AlgorithmName", "TrainingImageConfig"},
                     "tasks run without images");
    algorithm.ignore("TrainingInputMode", "data is where the program finds it");
    algorithm.ignore({"MetricDefinitions", "EnableSageMakerMetricsTimeSeries"},
                     "programs report their metrics; nothing is read out of what they print");
    algorithm.refuse_rest();
  }

  void set_command() {
    if (words_.empty()) return;
    words_.emplace_back("${search.args}");
    job_.set("command", text(command_line(words_)), command_mark_);
  }

  NativeJob job_;
  Findings& findings_;
  std::vector<std::string> words_;  // Of the command.
  Mark command_mark_;
};

}  // namespace

bool recognizes(const Node& root) {
  return root.find("HyperParameterTuningJobConfig") != nullptr ||
         root.find("HyperParameterTuningJobObjective") != nullptr ||
         root.find("ParameterRanges") != nullptr;
}

Node to_native(const Node& root, Findings& findings) { return Reader(findings).read(root); }

}  // namespace dl::spec::sagemaker
