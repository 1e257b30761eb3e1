#include "model/spec/determined/determined.h"

#include <algorithm>
#include <cmath>

#include "model/spec/build.h"
#include "model/spec/determined/searcher.h"
#include "model/spec/dialect/native_job.h"
#include "model/spec/values.h"

namespace dl::spec::determined {
namespace {

class Reader {
 public:
  explicit Reader(Findings& findings) : job_(findings), findings_(findings) {}

  Node read(const Node& root) {
    Fields document(root, "", findings_);
    if (const Entry* name = document.take("name"))
      job_.set_name(name->value.text, name->value.mark);
    read_program(document);
    if (auto resources = document.take_fields("resources")) read_resources(*resources);
    if (auto environment = document.take_fields("environment")) read_environment(*environment);
    job_.copy(document, "max_restarts", "restarts.user_code");
    if (auto pins = document.take_fields("reproducibility")) {
      job_.copy(*pins, "experiment_seed", "search.seed");
      pins->refuse_rest();
    }
    if (auto searcher = document.take_fields("searcher")) {
      read_searcher(*searcher, job_);
    } else {
      document.miss("searcher", "it says how to search");
    }
    if (auto parameters = document.take_fields("hyperparameters"))
      read_parameters(parameters->node(), "", parameters->path());
    read_ignored(document);
    document.refuse_rest();
    return job_.finish(root.mark);
  }

 private:
  void read_ignored(Fields& document) {
    document.ignore({"description", "labels", "workspace", "project"},
                    "a job has a name and nothing else");
    document.ignore({"data", "data_layer", "bind_mounts"},
                    "tasks see the node's own files; nothing is mounted");
    document.ignore({"checkpoint_policy", "checkpoint_storage", "min_checkpoint_period",
                     "min_validation_period", "perform_initial_validation", "tensorboard_storage",
                     "records_per_epoch", "scheduling_unit"},
                    "a command saves and evaluates as it sees fit");
    document.ignore({"profiling", "optimizations", "integrations", "log_policies",
                     "retention_policy", "preemption_timeout", "internal", "debug"},
                    "there is nothing like it here");
    document.ignore({"slurm", "pbs"}, "this cluster starts its tasks itself");
  }

  // Determined gives a trial its hyperparameters as JSON in DET_HPARAMS.
  void read_program(Fields& document) {
    const Entry* entry = document.take("entrypoint");
    if (entry == nullptr) return;
    job_.set_env("DET_HPARAMS", "${search.json}", entry->value.mark);
    const std::string& line = entry->value.text;
    if (entry->value.kind == Node::Kind::kList) {
      std::vector<std::string> words;
      for (const Node& word : entry->value.items) words.push_back(word.text);
      job_.set("command", text(command_line(words)), entry->value.mark);
    } else if (line.find(' ') == std::string::npos && line.find(':') != std::string::npos) {
      document.note(entry->mark, "entrypoint",
                    "ignored " + quoted(line) + ": a class needs Determined's own harness");
    } else {
      job_.set("command", text(line), entry->value.mark);
    }
  }

  void read_resources(Fields& resources) {
    job_.copy(resources, "slots_per_trial", "resources.gpus");
    resources.ignore("max_slots", "search.max_parallel bounds what runs at once");
    resources.ignore({"resource_pool", "priority", "weight", "agent_label"},
                     "there is one queue, in the order of submission");
    resources.ignore({"shm_size", "devices", "native_parallel", "is_single_node"},
                     "a trial is one task on one node, without a container");
    resources.refuse_rest();
  }

  void read_environment(Fields& environment) {
    environment.ignore({"image", "registry_auth", "force_pull_image", "pod_spec",
                        "add_capabilities", "drop_capabilities", "ports", "proxy_ports"},
                       "tasks run without images");
    const Entry* variables = environment.take("environment_variables");
    if (variables != nullptr && variables->value.is_map()) {
      Fields kinds(variables->value, join_path(environment.path(), variables->key), findings_);
      for (const char* kind : {"cpu", "cuda"}) read_variables(kinds.take_items(kind));
      kinds.ignore_rest("there are tasks with GPUs and tasks without");
    } else if (variables != nullptr) {
      read_variables(variables->value.items);
    }
    environment.refuse_rest();
  }

  void read_variables(std::span<const Node> items) {
    for (const Node& item : items) {
      const auto equals = item.text.find('=');
      if (equals != std::string::npos)
        job_.set_env(item.text.substr(0, equals), item.text.substr(equals + 1), item.mark);
    }
  }

  // Mappings without a type nest; their names are joined by dots.
  void read_parameters(const Node& map, const std::string& prefix, const std::string& path) {
    for (const Entry& entry : map.entries) {
      const std::string name = join_path(prefix, entry.key);
      const Entry* type = entry.value.is_map() ? entry.value.find("type") : nullptr;
      if (type != nullptr && type->value.kind == Node::Kind::kScalar) {
        Fields fields(entry.value, join_path(path, entry.key), findings_);
        Node value = read_typed(fields);
        if (value.kind == Node::Kind::kNull) {
          job_.add_refused(name, entry.mark);
        } else {
          job_.add_parameter(name, std::move(value), entry.mark);
        }
      } else if (entry.value.is_map()) {
        read_parameters(entry.value, name, join_path(path, entry.key));
      } else {
        // A list is one constant value here, not several to try.
        job_.add_parameter(name, as_constant(entry.value), entry.mark);
      }
    }
  }

  static Node as_constant(const Node& value) {
    if (value.kind != Node::Kind::kList) return value;
    Node node = map();
    node.mark = value.mark;
    Node outer = list({value});
    outer.mark = value.mark;
    put(node, "values", std::move(outer), value.mark);
    return node;
  }

  static Node read_typed(Fields& fields) {
    const auto type = fields.take_word("type", {"const", "int", "double", "log", "categorical"});
    if (type == "const") {
      const Entry* value = fields.take("val");
      fields.refuse_rest();
      return value == nullptr ? Node{} : as_constant(value->value);
    }
    if (type == "categorical") {
      const Entry* values = fields.take("vals");
      fields.refuse_rest();
      if (values == nullptr) {
        fields.miss("vals", "list the values");
        return {};
      }
      Node node = map();
      node.mark = values->value.mark;
      put(node, "categories", values->value, values->mark);
      return node;
    }
    const Entry* low = fields.take("minval");
    const Entry* high = fields.take("maxval");
    const Entry* count = fields.take("count");
    const Entry* base = type == "log" ? fields.take("base") : nullptr;
    fields.refuse_rest();
    if (low == nullptr) fields.miss("minval", "say the lowest value");
    if (high == nullptr) fields.miss("maxval", "say the highest value");
    if (!type || low == nullptr || high == nullptr) return {};
    Node node = type == "log" ? range_of("log", power(base, low->value), power(base, high->value))
                              : range_of(*type, low->value, high->value);
    if (count != nullptr) put(node, "points", count->value, count->mark);
    return node;
  }

  // base to the power of a range's end; what is no number stays as it is for the reader to refuse.
  static Node power(const Entry* base, const Node& exponent) {
    const auto x = parse_real(exponent.text);
    const auto b = base == nullptr ? std::optional(10.0) : parse_real(base->value.text);
    if (!x || !b || *b <= 0) return base != nullptr && x ? base->value : exponent;
    Node node = plain(format_real(std::pow(*b, *x)));
    node.mark = exponent.mark;
    return node;
  }

  NativeJob job_;
  Findings& findings_;
};

}  // namespace

bool recognizes(const Node& root) {
  const bool is_native = root.find("command") != nullptr || root.find("model") != nullptr;
  return root.find("searcher") != nullptr && !is_native &&
         (root.find("hyperparameters") != nullptr || root.find("entrypoint") != nullptr);
}

Node to_native(const Node& root, Findings& findings) { return Reader(findings).read(root); }

}  // namespace dl::spec::determined
