#include "model/spec/katib/katib.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/spec/build.h"
#include "model/spec/dialect/native_job.h"
#include "model/spec/katib/trial_template.h"
#include "model/spec/values.h"

namespace dl::spec::katib {
namespace {

struct Algorithm {
  std::string_view theirs;
  std::string_view ours;
};
constexpr std::array<Algorithm, 9> kAlgorithms = {{{"random", "random"},
                                                   {"grid", "grid"},
                                                   {"bayesianoptimization", "gp"},
                                                   {"tpe", "tpe"},
                                                   {"multivariate-tpe", "tpe"},
                                                   {"cmaes", "cmaes"},
                                                   {"sobol", "sobol"},
                                                   {"hyperband", "hyperband"},
                                                   {"pbt", "pbt"}}};

// A setting of an algorithm, and the key that has its meaning.
struct Setting {
  std::string_view algorithm;  // Ours; empty: of any.
  std::string_view theirs;
  std::string_view ours;
};
constexpr std::array<Setting, 14> kSettings = {{
    {"", "random_state", "search.seed"},
    {"tpe", "n_startup_trials", "search.tpe.startup_trials"},
    {"tpe", "n_ei_candidates", "search.tpe.candidates"},
    {"tpe", "n_EI_candidates", "search.tpe.candidates"},
    {"gp", "n_initial_points", "search.gp.startup_trials"},
    {"cmaes", "sigma", "search.cmaes.sigma"},
    {"hyperband", "eta", "search.halving.reduction"},
    {"hyperband", "r_l", "search.halving.max_resource"},
    {"pbt", "n_population", "search.pbt.population"},
    {"pbt", "truncation_threshold", "search.pbt.quantile"},
    {"pbt", "resample_probability", "search.pbt.resample_probability"},
    {"median", "min_trials_required", "search.early_stopping.min_trials"},
    {"median", "start_step", "search.early_stopping.min_resource"},
    {"sobol", "seed", "search.seed"},
}};

class Reader {
 public:
  explicit Reader(Findings& findings) : job_(findings), findings_(findings) {}

  Node read(const Node& root) {
    Fields document(root, "", findings_);
    document.take("apiVersion");
    document.take("kind");
    document.ignore("status", "it is the past of another run");
    if (auto metadata = document.take_fields("metadata")) {
      if (const Entry* name = metadata->take("name"))
        job_.set_name(name->value.text, name->value.mark);
      metadata->take("generateName");
      metadata->ignore_rest("it is for Kubernetes");
    }
    if (auto spec = document.take_fields("spec")) {
      read_spec(*spec);
    } else {
      document.miss("spec", "an Experiment says there what to search");
    }
    document.refuse_rest();
    return job_.finish(root.mark);
  }

 private:
  void read_spec(Fields& spec) {
    if (auto objective = spec.take_fields("objective")) read_objective(*objective);
    if (auto algorithm = spec.take_fields("algorithm")) read_algorithm(*algorithm);
    if (auto stopping = spec.take_fields("earlyStopping")) read_early_stopping(*stopping);
    job_.copy(spec, "maxTrialCount", "search.max_trials");
    const Entry* parallel = spec.take("parallelTrialCount");
    // Katib's own default is 3.
    job_.set("search.max_parallel", parallel != nullptr ? unquoted(parallel->value) : plain("3"),
             parallel != nullptr ? parallel->mark : spec.node().mark);
    job_.copy(spec, "maxFailedTrialCount", "search.max_failed_trials");
    spec.ignore("resumePolicy", "a search is in the journal and can always go on");
    spec.ignore("metricsCollectorSpec",
                "programs report their metrics; nothing is read out of what they print");
    if (spec.take("nasConfig") != nullptr) {
      spec.fail(find_field(spec.node(), "nasConfig")->mark, "nasConfig",
                "a search for architectures is not supported; vary parameters");
    }
    const auto parameters = spec.take_items("parameters");
    if (parameters.empty()) spec.miss("parameters", "list the parameters to vary");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Fields fields(parameters[i], "spec.parameters[" + std::to_string(i) + "]", findings_);
      read_parameter(fields, names);
    }
    if (auto trial = spec.take_fields("trialTemplate")) {
      read_trial_template(*trial, names, job_);
    } else {
      spec.miss("trialTemplate", "it says what a trial runs");
    }
    spec.refuse_rest();
  }

  void read_objective(Fields& objective) {
    const auto type = objective.take_word("type", {"minimize", "maximize"});
    if (const Entry* entry = find_field(objective.node(), "type"))
      job_.set("search.goal", text(type.value_or("minimize")), entry->value.mark);
    if (const Entry* name = objective.take("objectiveMetricName"))
      job_.set("search.metric", name->value, name->mark);
    job_.copy(objective, "goal", "search.stop.target");
    objective.ignore("additionalMetricNames", "every metric that a trial reports is kept");
    objective.ignore("metricStrategies", "a trial counts by the best value it has reported");
    objective.refuse_rest();
  }

  void read_algorithm(Fields& algorithm) {
    const Entry* name = algorithm.take("algorithmName");
    if (name == nullptr) return algorithm.miss("algorithmName", "name one, such as random");
    const auto found =
        std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                     [&](const Algorithm& a) { return a.theirs == name->value.text; });
    std::string_view ours;
    if (found == kAlgorithms.end()) {
      std::vector<std::string_view> words;
      for (const Algorithm& each : kAlgorithms) words.push_back(each.theirs);
      const auto meant = nearest(name->value.text, words);
      algorithm.fail(
          name->value.mark, "algorithmName",
          quoted(name->value.text) + " is not supported" +
              (meant.empty() ? "; take tpe, or random" : "; did you mean " + quoted(meant) + "?"));
    } else {
      ours = found->ours;
      job_.set("search.algorithm", text(ours), name->value.mark);
      // Katib's tpe looks at each parameter alone.
      if (name->value.text == "tpe")
        job_.set("search.tpe.multivariate", plain("false"), name->value.mark);
      if (ours == "hyperband" || ours == "pbt")
        job_.set("search.halving.resource", text("reports"), name->value.mark);
    }
    read_settings(algorithm, ours);
    algorithm.refuse_rest();
  }

  void read_early_stopping(Fields& stopping) {
    if (stopping.take_word("algorithmName", {"medianstop"})) {
      job_.set("search.early_stopping.rule", text("median"), stopping.node().mark);
      job_.set("search.halving.resource", text("reports"), stopping.node().mark);
    }
    read_settings(stopping, "median");
    stopping.refuse_rest();
  }

  void read_settings(Fields& algorithm, std::string_view ours) {
    const auto settings = algorithm.take_items("algorithmSettings");
    for (std::size_t i = 0; i < settings.size(); ++i) {
      Fields setting(settings[i],
                     join_path(algorithm.path(), "algorithmSettings[" + std::to_string(i) + "]"),
                     findings_);
      const std::string name = setting.take_text("name").value_or("");
      const Entry* value = setting.take("value");
      setting.refuse_rest();
      const auto found = std::find_if(kSettings.begin(), kSettings.end(), [&](const Setting& s) {
        return s.theirs == name && (s.algorithm.empty() || s.algorithm == ours);
      });
      if (found != kSettings.end() && value != nullptr) {
        job_.set(found->ours, unquoted(value->value), value->value.mark);
      } else if (name == "resource_name") {
        setting.note(setting.node().mark, "",
                     "read " + quoted(value == nullptr ? "" : value->value.text) +
                         " as counted by the trial's reports: trials get no budget as a "
                         "parameter, and are stopped at the rungs");
      } else {
        setting.note(setting.node().mark, "",
                     "ignored " + quoted(name) + ": there is no such setting here");
      }
    }
  }

  void read_parameter(Fields& fields, std::vector<std::string>& names) {
    const Entry* name = fields.take("name");
    const auto type =
        fields.take_word("parameterType", {"double", "int", "discrete", "categorical"});
    auto space = fields.take_fields("feasibleSpace");
    fields.refuse_rest();
    if (name == nullptr) return fields.miss("name", "name the parameter");
    names.push_back(name->value.text);
    if (!space) fields.miss("feasibleSpace", "say its values");
    if (!space || !type) return job_.add_refused(name->value.text, name->value.mark);
    Node value = *type == "double" || *type == "int" ? range(*space, *type) : listed(*space, *type);
    space->refuse_rest();
    if (value.kind == Node::Kind::kNull)
      return job_.add_refused(name->value.text, name->value.mark);
    job_.add_parameter(name->value.text, std::move(value), name->value.mark);
  }

  static Node listed(Fields& space, std::string_view type) {
    const Entry* list = space.take("list");
    if (list == nullptr) {
      space.miss("list", "list the values");
      return {};
    }
    Node values = list->value;
    for (Node& item : values.items)
      item.quoted = type == "categorical" || !parse_real(item.text).has_value();
    Node node = map();
    node.mark = values.mark;
    put(node, "values", std::move(values), list->mark);
    return node;
  }

  static Node range(Fields& space, std::string_view type) {
    const Entry* low = space.take("min");
    const Entry* high = space.take("max");
    const Entry* step = space.take("step");
    const auto distribution =
        space.take_word("distribution", {"uniform", "logUniform", "normal", "logNormal"});
    if (low == nullptr) space.miss("min", "say the lowest value");
    if (high == nullptr) space.miss("max", "say the highest value");
    if (low == nullptr || high == nullptr) return {};
    Node node;
    if (distribution == "normal" || distribution == "logNormal") {
      node = normal(*distribution, low->value, high->value);
    } else if (distribution == "logUniform" && type == "double") {
      node = range_of("log", low->value, high->value);
    } else {
      node = range_of(type, low->value, high->value);
      if (distribution == "logUniform") put(node, "scale", text("log"), low->mark);
    }
    if (step != nullptr) put(node, "step", unquoted(step->value), step->mark);
    return node;
  }

  // Katib puts the ends of the range three deviations from the middle.
  static Node normal(std::string_view distribution, const Node& low, const Node& high) {
    const bool log = distribution == "logNormal";
    double from = parse_real(low.text).value_or(0), to = parse_real(high.text).value_or(0);
    if (log && from > 0 && to > 0) from = std::log(from), to = std::log(to);
    Node node = map();
    node.mark = low.mark;
    put(node, log ? "lognormal" : "normal",
        list({plain(format_real((from + to) / 2)), plain(format_real((to - from) / 6))}), low.mark);
    put(node, "low", unquoted(low), low.mark);
    put(node, "high", unquoted(high), high.mark);
    return node;
  }

  NativeJob job_;
  Findings& findings_;
};

}  // namespace

bool recognizes(const Node& root) {
  const Entry* kind = root.find("kind");
  return kind != nullptr && kind->value.text == "Experiment";
}

Node to_native(const Node& root, Findings& findings) { return Reader(findings).read(root); }

}  // namespace dl::spec::katib
