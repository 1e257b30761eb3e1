#include "model/spec/wandb/wandb.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "model/spec/build.h"
#include "model/spec/dialect/native_job.h"
#include "model/spec/native/read_search.h"
#include "model/spec/values.h"
#include "model/spec/wandb/distribution.h"

namespace dl::spec::wandb {
namespace {

class Reader {
 public:
  explicit Reader(Findings& findings) : job_(findings), findings_(findings) {}

  Node read(const Node& root) {
    Fields sweep(root, "", findings_);
    if (const Entry* name = sweep.take("name")) job_.set_name(name->value.text, name->value.mark);
    const auto method = sweep.take_word("method", {"grid", "random", "bayes"});
    if (method) {
      job_.set("search.algorithm", text(*method == "bayes" ? "gp" : *method),
               find_field(root, "method")->value.mark);
    }
    if (auto metric = sweep.take_fields("metric")) read_metric(*metric);
    job_.copy(sweep, "run_cap", "search.max_trials");
    if (!job_.has("search.max_trials") && method != "grid") {
      sweep.note(find_field(root, "method")->mark, "run_cap",
                 "is missing, and a sweep without it has no end; a search ends after 100 trials");
    }
    if (auto early = sweep.take_fields("early_terminate"))
      read_early_terminate(*early, method.value_or("random"));
    if (auto parameters = sweep.take_fields("parameters"))
      read_parameters(parameters->node(), "", parameters->path());
    read_command(sweep);
    sweep.ignore({"project", "entity", "description", "controller"},
                 "it is for the service's own pages");
    sweep.ignore({"job", "image_uri", "launch", "scheduler"}, "tasks run without images");
    sweep.refuse_rest();
    return job_.finish(root.mark);
  }

 private:
  void read_metric(Fields& metric) {
    if (const Entry* name = metric.take("name")) job_.set("search.metric", name->value, name->mark);
    const auto goal = metric.take_word("goal", {"minimize", "maximize"});
    // Its default is minimize.
    job_.set("search.goal", text(goal.value_or("minimize")), metric.node().mark);
    job_.copy(metric, "target", "search.stop.target");
    metric.ignore({"impute", "impute_while_running"},
                  "a trial without the metric has failed, and is replaced");
    metric.refuse_rest();
  }

  // Successive halving of what the method suggests, at every so many reports of the metric.
  void read_early_terminate(Fields& early, std::string_view method) {
    early.take_word("type", {"hyperband"});
    const Entry* eta = early.take("eta");
    const Entry* least = early.take("min_iter");
    const Entry* most = early.take("max_iter");
    const Entry* brackets = early.take("s");
    early.ignore("strict", "a rung keeps exactly its best share");
    early.refuse_rest();
    const Mark mark = early.node().mark;
    if (method == "random") {
      job_.set("search.algorithm", text("asha"), mark);
    } else {
      job_.set("search.early_stopping.rule", text("asha"), mark);
    }
    job_.set("search.halving.resource", text("reports"), mark);
    job_.set("search.halving.reduction", eta != nullptr ? eta->value : plain("3"),
             eta != nullptr ? eta->mark : mark);
    const double factor = eta != nullptr ? parse_real(eta->value.text).value_or(3) : 3;
    if (least != nullptr) {
      set_rungs(parse_real(least->value.text).value_or(0), factor, least->value.mark, early);
    } else if (most != nullptr && brackets != nullptr) {
      const double s = parse_real(brackets->value.text).value_or(0);
      const double top = parse_real(most->value.text).value_or(0);
      job_.set("search.halving.max_resource", unquoted(most->value), most->mark);
      job_.set("search.halving.min_resource",
               plain(format_real(std::max(1.0, std::floor(top / std::pow(factor, s))))),
               brackets->value.mark);
    } else {
      early.miss("min_iter", "give it, or max_iter with s");
      job_.set("search.halving.max_resource", plain("1000000"), mark);
    }
  }

  // With min_iter alone the rungs have no last one; eight of them outlast any run.
  void set_rungs(double least, double factor, const Mark& mark, Fields& early) {
    const double most = least * std::pow(factor, 8);
    if (least < 1 || factor < 2 || most > 0x1p40)
      return early.fail(mark, "min_iter",
                        "must be a whole number of at least 1, with an eta of 2 or more");
    job_.set("search.halving.min_resource", plain(format_real(std::floor(least))), mark);
    job_.set("search.halving.max_resource", plain(format_real(std::floor(most))), mark);
  }

  void read_command(Fields& sweep) {
    const Entry* program = sweep.take("program");
    const Entry* command = sweep.take("command");
    std::vector<std::string> words = {"${env}", "${interpreter}", "${program}", "${args}"};
    if (command != nullptr) {
      words = words_of(command->value);
    } else if (program == nullptr) {
      return;
    }
    const Entry& source = command != nullptr ? *command : *program;
    std::string line;
    for (const std::string& word : words) {
      const std::string ours = expanded(word, program, source, sweep);
      if (!ours.empty()) line += (line.empty() ? "" : " ") + ours;
    }
    job_.set("command", text(line), source.value.mark);
  }

  // Of a list, or of a text with spaces.
  static std::vector<std::string> words_of(const Node& node) {
    std::vector<std::string> words;
    for (const Node& word : node.items) words.push_back(word.text);
    std::istringstream text(node.text);
    for (std::string word; text >> word;) words.push_back(word);
    return words;
  }

  // One word of the sweep's command, its macros in the shell's terms.
  std::string expanded(const std::string& word, const Entry* program, const Entry& source,
                       Fields& sweep) const {
    if (word == "${env}") return "/usr/bin/env";
    if (word == "${interpreter}") return "python";
    if (word == "${args}") return "${search.args}";
    if (word == "${args_json}") return "${search.json}";
    if (word == "${args_no_hyphens}") return without_hyphens_;
    if (word == "${program}" && program != nullptr) return command_word(program->value.text);
    constexpr std::string_view kVariable = "${envvar:";
    if (word.starts_with(kVariable) && word.ends_with('}'))
      return "\"$" + word.substr(kVariable.size(), word.size() - kVariable.size() - 1) + "\"";
    if (word.starts_with("${") && word.ends_with('}')) {
      sweep.fail(source.value.mark, source.key,
                 quoted(word) +
                     " has no counterpart; write ${args}, ${args_json}, or the "
                     "parameters one by one as ${name}");
      return "";
    }
    return command_word(word);
  }

  // Parameters inside parameters nest; their names are joined by dots.
  void read_parameters(const Node& map, const std::string& prefix, const std::string& path) {
    for (const Entry& entry : map.entries) {
      const std::string name = join_path(prefix, entry.key);
      Fields fields(entry.value, join_path(path, entry.key), findings_);
      if (auto inner = fields.take_fields("parameters")) {
        read_parameters(inner->node(), name, inner->path());
        fields.refuse_rest();
      } else if (entry.value.is_map()) {
        Node value = read_distribution(fields);
        fields.refuse_rest();
        without_hyphens_ += (without_hyphens_.empty() ? "" : " ") + name + "=${" + name + "}";
        if (value.kind == Node::Kind::kNull) {
          job_.add_refused(name, entry.mark);
        } else {
          job_.add_parameter(name, std::move(value), entry.mark);
        }
      }
    }
  }

  NativeJob job_;
  Findings& findings_;
  std::string without_hyphens_;  // "lr=${lr} …" of all parameters.
};

}  // namespace

bool recognizes(const Node& root) {
  return root.find("method") != nullptr && root.find("parameters") != nullptr;
}

Node to_native(const Node& root, Findings& findings) { return Reader(findings).read(root); }

}  // namespace dl::spec::wandb
