#include "model/spec/katib/trial_template.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "model/spec/build.h"
#include "model/spec/native/read_search.h"
#include "model/spec/values.h"

namespace dl::spec::katib {
namespace {

constexpr std::string_view kClusters = "it is for Kubernetes";

// A replica type of a training job, and the role it is here.
struct Replica {
  std::string_view theirs;
  std::string_view role;
};
constexpr std::array<Replica, 5> kReplicas = {{{"Chief", "chief"},
                                               {"Master", "chief"},
                                               {"Worker", "worker"},
                                               {"PS", "ps"},
                                               {"Evaluator", "evaluator"}}};

// "500m" and "0.5" are half a CPU; a task takes whole ones.
std::optional<std::uint64_t> whole_cpus(std::string_view text) {
  const bool milli = text.ends_with('m');
  if (milli) text.remove_suffix(1);
  const auto number = parse_real(text);
  if (!number || *number <= 0 || *number > 1e6) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(milli ? *number / 1000 : *number));
}

// "1Gi" is "1GiB" here, "500M" is "500MB".
std::string size_of(std::string_view text) {
  const bool has_unit =
      !text.empty() && (text.back() == 'i' || (text.back() >= 'A' && text.back() <= 'Z'));
  return std::string(text) + (has_unit ? "B" : "");
}

class Reader {
 public:
  Reader(const std::vector<std::string>& parameters, NativeJob& job, Findings& findings)
      : parameters_(parameters), job_(job), findings_(findings) {}

  void read(Fields& trial) {
    primary_ = trial.take_text("primaryContainerName").value_or("");
    trial.ignore({"primaryPodLabels", "retain", "successCondition", "failureCondition"},
                 "a trial ends well when its chief and workers exit with status 0");
    read_names(trial);
    if (trial.take("configMap") != nullptr) {
      const Entry* map = find_field(trial.node(), "configMap");
      trial.fail(map->mark, map->key,
                 "names a template that is in a Kubernetes cluster; write it out as trialSpec");
    } else if (auto spec = trial.take_fields("trialSpec")) {
      read_object(*spec);
    } else {
      trial.miss("trialSpec", "it says what a trial runs");
    }
    trial.refuse_rest();
  }

 private:
  // ${trialParameters.learningRate} → lr.
  void read_names(Fields& trial) {
    const auto items = trial.take_items("trialParameters");
    for (std::size_t i = 0; i < items.size(); ++i) {
      Fields fields(items[i], join_path(trial.path(), "trialParameters[" + std::to_string(i) + "]"),
                    findings_);
      const Entry* name = fields.take("name");
      const Entry* reference = fields.take("reference");
      fields.take("description");
      fields.refuse_rest();
      if (name == nullptr || reference == nullptr) {
        fields.miss(name == nullptr ? "name" : "reference",
                    "a trial parameter has a name and refers to a parameter");
        continue;
      }
      const std::string& target = reference->value.text;
      const bool known =
          std::find(parameters_.begin(), parameters_.end(), target) != parameters_.end();
      if (!known && !target.starts_with("${trialSpec.")) {
        const std::vector<std::string_view> names(parameters_.begin(), parameters_.end());
        fields.fail(reference->value.mark, "reference",
                    "no parameter " + quoted(target) + native::advice(target, names));
      }
      references_[name->value.text] = target;
    }
  }

  void read_object(Fields& object) {
    const Entry* kind = object.take("kind");
    object.take("apiVersion");
    object.ignore("metadata", kClusters);
    const std::string name = kind == nullptr ? "Job" : kind->value.text;
    auto spec = object.take_fields("spec");
    if (!spec) return object.miss("spec", "it has the containers");
    if (name == "Job") {
      if (auto pod = spec->take_fields("template")) read_pod(*pod, "");
      spec->ignore_rest(kClusters);
    } else if (name == "PyTorchJob" || name == "TFJob") {
      read_replicas(*spec, name == "TFJob" ? "tfReplicaSpecs" : "pytorchReplicaSpecs");
    } else {
      object.fail(kind->value.mark, "kind",
                  quoted(name) + " is not read; write a Job, PyTorchJob or TFJob");
    }
  }

  void read_replicas(Fields& spec, std::string_view field) {
    if (auto replicas = spec.take_fields(field)) {
      for (const Replica& replica : kReplicas) {
        auto each = replicas->take_fields(replica.theirs);
        if (!each) continue;
        const std::string role = "roles." + std::string(replica.role);
        const Entry* count = each->take("replicas");
        job_.set(role + ".count", count != nullptr ? unquoted(count->value) : plain("1"),
                 count != nullptr ? count->mark : each->node().mark);
        if (auto pod = each->take_fields("template")) read_pod(*pod, role + ".");
        each->ignore_rest(kClusters);
      }
      replicas->refuse_rest();
    } else {
      spec.miss(field, "it has the containers");
    }
    spec.ignore_rest(kClusters);
  }

  // `prefix` is "roles.worker." or nothing.
  void read_pod(Fields& pod, const std::string& prefix) {
    pod.ignore("metadata", kClusters);
    auto spec = pod.take_fields("spec");
    if (!spec) return pod.miss("spec", "it has the containers");
    const auto containers = spec->take_items("containers");
    if (containers.empty()) spec->miss("containers", "a trial needs one");
    const auto is_primary = [&](const Node& container) {
      const Entry* name = container.find("name");
      return name != nullptr && name->value.text == primary_;
    };
    auto chosen = std::find_if(containers.begin(), containers.end(), is_primary);
    if (chosen == containers.end()) chosen = containers.begin();
    for (auto container = containers.begin(); container != containers.end(); ++container) {
      const std::string path = "containers[" + std::to_string(container - containers.begin()) + "]";
      Fields fields(*container, join_path(spec->path(), path), findings_);
      if (container == chosen) {
        read_container(fields, prefix);
      } else {
        fields.note(container->mark, "", "ignored: a task is one program, the primary container's");
      }
    }
    spec->ignore_rest(kClusters);
  }

  void read_container(Fields& container, const std::string& prefix) {
    container.take("name");
    container.ignore("image", "tasks run without images; the program is what is on the nodes");
    std::vector<std::string> words;
    Mark mark = container.node().mark;
    for (const char* field : {"command", "args"}) {
      for (const Node& word : container.take_items(field)) {
        words.push_back(with_references(word, container));
        if (words.size() == 1) mark = word.mark;
      }
    }
    if (!words.empty()) job_.set(prefix + "command", text(command_line(words)), mark);
    const auto variables = container.take_items("env");
    for (const Node& variable : variables) {
      const Entry* name = variable.find("name");
      const Entry* value = variable.find("value");
      if (name != nullptr && value != nullptr) {
        job_.set_env(name->value.text, with_references(value->value, container), variable.mark);
      } else {
        container.note(variable.mark, "env", "ignored: its value is in a Kubernetes cluster");
      }
    }
    if (const Entry* folder = container.take("workingDir"))
      job_.set("workdir", folder->value, folder->mark);
    if (auto resources = container.take_fields("resources")) read_resources(*resources, prefix);
    container.ignore_rest(kClusters);
  }

  // Limits win over requests.
  void read_resources(Fields& resources, const std::string& prefix) {
    const std::string to = prefix.empty() ? "resources." : prefix;
    for (const char* which : {"limits", "requests"}) {
      auto amounts = resources.take_fields(which);
      if (!amounts) continue;
      if (const Entry* cpu = amounts->take("cpu"); cpu != nullptr && !job_.has(to + "cpus")) {
        const auto cpus = whole_cpus(cpu->value.text);
        if (!cpus) {
          amounts->fail(cpu->value.mark, "cpu", "must be an amount of CPUs, such as 2 or 500m");
        } else {
          job_.set(to + "cpus", plain(std::to_string(*cpus)), cpu->mark);
        }
      }
      if (const Entry* memory = amounts->take("memory");
          memory != nullptr && !job_.has(to + "memory")) {
        job_.set(to + "memory", text(size_of(memory->value.text)), memory->value.mark);
      }
      if (const Entry* gpu = amounts->take("nvidia.com/gpu");
          gpu != nullptr && !job_.has(to + "gpus")) {
        job_.set(to + "gpus", unquoted(gpu->value), gpu->mark);
      }
      amounts->ignore_rest("nodes have GPUs, CPU slots and memory");
    }
    resources.ignore_rest(kClusters);
  }

  // "${trialParameters.x}" as "${reference of x}".
  std::string with_references(const Node& node, Fields& container) {
    constexpr std::string_view kBegin = "${trialParameters.";
    std::string out;
    std::size_t copied = 0;
    const std::string& word = node.text;
    for (auto at = word.find(kBegin); at != std::string::npos; at = word.find(kBegin, at + 1)) {
      const auto start = at + kBegin.size();
      const auto end = word.find('}', start);
      if (end == std::string::npos) break;
      const std::string name = word.substr(start, end - start);
      const auto found = references_.find(name);
      out += word.substr(copied, at - copied);
      copied = end + 1;
      if (found == references_.end()) {
        std::vector<std::string_view> names;
        for (const auto& [known, reference] : references_) names.push_back(known);
        container.fail(node.mark, "",
                       "no trial parameter " + quoted(name) + native::advice(name, names));
        continue;
      }
      out += value_of(found->second, node, container);
    }
    return out + word.substr(copied);
  }

  static std::string value_of(const std::string& reference, const Node& node, Fields& container) {
    if (!reference.starts_with("${trialSpec.")) return "${" + reference + "}";
    container.fail(node.mark, "",
                   quoted(reference) +
                       " speaks of an object of Kubernetes; every task has $DL_JOB "
                       "and $DL_TRIAL to tell trials apart");
    return "";
  }

  const std::vector<std::string>& parameters_;
  NativeJob& job_;
  Findings& findings_;
  std::string primary_;
  std::map<std::string, std::string> references_;
};

}  // namespace

void read_trial_template(Fields& trial, const std::vector<std::string>& parameters,
                         NativeJob& job) {
  Reader(parameters, job, trial.findings()).read(trial);
}

}  // namespace dl::spec::katib
