// The `search` block: what it reads as, and the jobs of its trials.

#include <catch2/catch.hpp>

#include "model/spec/assignment.h"
#include "model/spec/parse.h"
#include "model/spec/substitute.h"

namespace dl::spec {
namespace {

JobSpec good(const std::string& document) {
  const ParseResult result = parse(document);
  INFO(document);
  INFO(to_string(result.problems, "job.yaml"));
  REQUIRE(result.spec);
  CHECK(parse(to_yaml(*result.spec)).spec == result.spec);
  return *result.spec;
}

constexpr const char* kModelSearch = R"(
model: {name: mlp}
data: {format: synthetic}
train: {epochs: 8, batch_size: 128}
strategy: {workers: 2}
search:
  metric: validation.accuracy
  goal: maximize
  algorithm: asha
  max_trials: 24
  max_parallel: 4
  parameters:
    train.learning_rate: {log: [1e-4, 1e-1], default: 0.01}
    train.batch_size: {log: [32, 512], step: 32}
    train.momentum: {reverse_log: [0.5, 0.99], ceiling: 1, when: {train.optimizer: sgd}}
    train.nesterov: {values: [true, false], when: {train.optimizer: [sgd]}}
    train.optimizer: [sgd, adam]
    model.hidden: {values: [[200, 200], [400]]}
    train.weight_decay: {lognormal: [-5, 1], high: 1}
    train.schedule.name: cosine
)";

TEST_CASE("a search varies keys of the spec", "[spec]") {
  const JobSpec job = good(kModelSearch);
  const SearchSpec& search = *job.search;
  CHECK(search.objectives == std::vector<Objective>{{"validation.accuracy", "maximize"}});
  CHECK(search.algorithm == "asha");
  CHECK(search.max_trials == 24);
  std::map<std::string, Parameter> by_name;
  for (const Parameter& parameter : search.parameters) by_name[parameter.name] = parameter;
  CHECK(by_name.size() == 8);
  CHECK(std::get<Range>(by_name["train.learning_rate"].domain) ==
        Range{.low = 1e-4, .high = 1e-1, .scale = Scale::kLog});
  CHECK(by_name["train.learning_rate"].initial == ParameterValue(0.01));
  // The key holds whole numbers, and so does its range.
  CHECK(std::get<Range>(by_name["train.batch_size"].domain) ==
        Range{.low = 32, .high = 512, .step = 32, .scale = Scale::kLog, .whole = true});
  CHECK(std::get<Range>(by_name["train.momentum"].domain).ceiling == 1);
  CHECK(by_name["train.momentum"].condition == Condition{"train.optimizer", {std::string("sgd")}});
  CHECK(by_name["train.schedule.name"].is_constant());
  CHECK(search.parameters.back().condition);  // Parents stand before their children.
}

TEST_CASE("a trial of a model has the assignment in the places of its keys", "[spec]") {
  const JobSpec job = good(kModelSearch);
  Assignment values = {{"train.learning_rate", 0.003},
                       {"train.batch_size", std::int64_t{64}},
                       {"train.optimizer", std::string("adam")},
                       {"model.hidden", std::string("[400]")},
                       {"train.weight_decay", 0.5},
                       {"train.schedule.name", std::string("cosine")}};
  const auto trial = apply_assignment(job, values);
  REQUIRE(trial.has_value());
  JobSpec expected_job = job;
  expected_job.search.reset();
  expected_job.train.learning_rate = 0.003;
  expected_job.train.batch_size = 64;
  expected_job.train.optimizer = "adam";
  expected_job.model->hidden = {400};
  expected_job.train.weight_decay = 0.5;
  expected_job.train.schedule.name = "cosine";
  CHECK(*trial == expected_job);
  const auto refused = [&](const Assignment& wrong) {
    const auto result = apply_assignment(job, wrong);
    REQUIRE_FALSE(result.has_value());
    return result.error().message;
  };
  Assignment wrong = values;
  wrong["train.batch_size"] = std::int64_t{65};
  CHECK(refused(wrong) == "train.batch_size is never \"65\"");
  wrong = values;
  wrong["train.momentum"] = 0.9;
  CHECK(refused(wrong) ==
        "train.momentum is given, but only there beside other values of train.optimizer");
  wrong = values;
  wrong["lr"] = 1.0;
  CHECK(refused(wrong) == "no parameter \"lr\"");
  wrong = values;
  wrong.erase("train.optimizer");
  CHECK(refused(wrong) == "train.optimizer has no value");
}

TEST_CASE("a trial whose values do not fit together is refused as a job would be", "[spec]") {
  const JobSpec job = good(
      "model: {name: lenet}\ndata: {format: synthetic}\n"
      "search:\n  metric: m\n  goal: minimize\n  parameters:\n"
      "    train.batch_size: [32, 33]\n    strategy.workers: [1, 2]\n");
  const auto trial = apply_assignment(
      job, {{"train.batch_size", std::int64_t{33}}, {"strategy.workers", std::int64_t{2}}});
  REQUIRE_FALSE(trial.has_value());
  CHECK(trial.error().message ==
        "train.batch_size: the batch of 33 cannot be shared evenly by 2 workers; take "
        "train.batch_size 32 or 34");
  const auto fits = apply_assignment(
      job, {{"train.batch_size", std::int64_t{32}}, {"strategy.workers", std::int64_t{2}}});
  REQUIRE(fits.has_value());
  CHECK(fits->roles[0].count == 2);
}

constexpr const char* kCommandSearch = R"(
command: |
  for i in 1 2; do echo ${i} ${HOME} ${NAME:-x} \${lr}; done
  python train.py --lr ${lr} --name "${name}" 'raw ${name}' $(echo "${name}") ${search.args}
env: {PARAMS: "${search.json}", LR: "${lr}", HOME_LIKE: "${HOME}"}
roles:
  worker: {count: 2}
  evaluator: {command: "eval ${depth}"}
resources: {}
search:
  metric: loss
  goal: minimize
  parameters:
    lr: {log: [1e-6, 1e-1]}
    name: {values: ["it's", 'a "b" $c `d` \e']}
    depth: {int: [1, 9], when: {name: "it's"}, default: 5}
)";

TEST_CASE("a trial of a command has the values quoted for where they stand", "[spec]") {
  std::string document = kCommandSearch;
  document.erase(document.find("resources: {}\n"), 14);
  const JobSpec job = good(document);
  const auto first = apply_assignment(
      job, {{"lr", 1e-5}, {"name", std::string("it's")}, {"depth", std::int64_t{3}}});
  REQUIRE(first.has_value());
  CHECK(first->command ==
        "for i in 1 2; do echo ${i} ${HOME} ${NAME:-x} \\${lr}; done\n"
        "python train.py --lr 1e-05 --name \"it's\" 'raw it'\\''s' $(echo \"it's\") "
        "--lr=1e-05 '--name=it'\\''s' --depth=3\n");
  CHECK(first->env.at("PARAMS") == R"({"lr":1E-5,"name":"it's","depth":3})");
  CHECK(first->env.at("LR") == "1e-05");
  CHECK(first->env.at("HOME_LIKE") == "${HOME}");
  CHECK(first->roles[1].command == "eval 3");
  const auto second =
      apply_assignment(job, {{"lr", 0.5e-1}, {"name", std::string("a \"b\" $c `d` \\e")}});
  REQUIRE(second.has_value());
  CHECK(second->command ==
        "for i in 1 2; do echo ${i} ${HOME} ${NAME:-x} \\${lr}; done\n"
        "python train.py --lr 0.05 --name \"a \\\"b\\\" \\$c \\`d\\` \\\\e\" "
        "'raw a \"b\" $c `d` \\e' $(echo \"a \\\"b\\\" \\$c \\`d\\` \\\\e\") "
        "--lr=0.05 '--name=a \"b\" $c `d` \\e'\n");
  CHECK(second->roles[1].command == "eval 5");  // Not there: its default.
  CHECK_FALSE(second->search);
}

TEST_CASE("a word with nothing special in it stays bare", "[spec]") {
  CHECK(shell_quoted("a/b-c_d.e:f=g@h%i+j,k") == "a/b-c_d.e:f=g@h%i+j,k");
  CHECK(shell_quoted("") == "''");
  CHECK(shell_quoted("a;b") == "'a;b'");
  CHECK(shell_quoted("a'b") == "'a'\\''b'");
  CHECK(shell_quoted("~") == "'~'");
}

TEST_CASE("quotes are followed through comments, substitutions and subshells", "[spec]") {
  const auto shown = [](std::string_view text) {
    return substitute(text, TextKind::kCommand, [](std::string_view name) {
      return name == "x" ? std::optional(std::vector<std::string>{"a b"}) : std::nullopt;
    });
  };
  CHECK(shown("# don't\n${x}") == "# don't\n'a b'");
  CHECK(shown("a#'b ${x}'") == "a#'b a b'");
  CHECK(shown("\"$(f \"${x}\") ${x}\" ${x}") == "\"$(f \"a b\") a b\" 'a b'");
  CHECK(shown("(cd ${x}; echo \"${x})\")") == "(cd 'a b'; echo \"a b)\")");
  CHECK(shown("$((1 + ${x}))") == "$((1 + 'a b'))");
  CHECK(shown("${y} ${x.y} ${x:-1} $x ${x") == "${y} ${x.y} ${x:-1} $x ${x");
}

TEST_CASE("a name of a model's key is a word in a command's search", "[spec]") {
  const JobSpec job = good(
      "command: train --epochs ${train.epochs}\n"
      "search: {metric: loss, goal: minimize, parameters: {train.epochs: {int: [1, 5]}}}\n");
  const auto trial = apply_assignment(job, {{"train.epochs", std::int64_t{2}}});
  REQUIRE(trial.has_value());
  CHECK(trial->command == "train --epochs 2");
}

TEST_CASE("defaults that follow from a key follow the trial's value of it", "[spec]") {
  const JobSpec job = good(
      "model: {name: lenet}\ndata: {format: synthetic}\n"
      "strategy: {name: ps, workers: 2, servers: 3}\n"
      "search:\n  metric: m\n  goal: minimize\n  parameters:\n"
      "    train.optimizer: [sgd, adam]\n    strategy.algorithm: [sync, downpour]\n");
  CHECK(job.strategy.server_optimizer == "momentum");
  const auto trial = apply_assignment(
      job, {{"train.optimizer", std::string("adam")}, {"strategy.algorithm", std::string("sync")}});
  REQUIRE(trial.has_value());
  CHECK(trial->strategy.server_optimizer == "adam");
  CHECK(trial->strategy.servers == 3);
  const auto windowed = apply_assignment(job, {{"train.optimizer", std::string("sgd")},
                                               {"strategy.algorithm", std::string("downpour")}});
  REQUIRE(windowed.has_value());
  CHECK(windowed->strategy.window == 5);
}

TEST_CASE("the resources of a command can be varied, with roles and without", "[spec]") {
  const std::string search = "search: {metric: m, goal: minimize, parameters: {";
  const JobSpec alone =
      good("command: a\nresources: {memory: 1GiB}\n" + search + "resources.cpus: [1, 2]}}\n");
  const auto trial = apply_assignment(alone, {{"resources.cpus", std::int64_t{2}}});
  REQUIRE(trial.has_value());
  CHECK(trial->roles[0].resources == Resources{.gpus = 0, .cpus = 2, .memory_bytes = 1u << 30});
  const JobSpec roles =
      good("command: a\nroles: {ps: {}, worker: {}}\n" + search + "roles.ps.count: [1, 2]}}\n");
  const auto two = apply_assignment(roles, {{"roles.ps.count", std::int64_t{2}}});
  REQUIRE(two.has_value());
  CHECK(two->task_count() == 3);
}

TEST_CASE("a grid is all of its points unless it says how many", "[spec]") {
  const auto grid = [](const std::string& more) {
    return good("command: ${search.args}\nsearch: {metric: a, goal: minimize, algorithm: grid" +
                more + ", parameters: {x: [1, 2]}}\n")
        .search->max_trials;
  };
  CHECK(grid("") == 0);
  CHECK(grid(", max_trials: 1") == 1);
}

TEST_CASE("every form of a parameter is read and written", "[spec]") {
  const JobSpec job = good(R"(
command: ${search.args}
search:
  objectives: [{metric: loss, goal: minimize}, {metric: latency, goal: minimize}]
  algorithm: tpe
  seed: 7
  stop: {after: 2h, trials_without_gain: 30}
  parameters:
    a: {double: [-1, 1.5], step: 0.5}
    b: {int: [1, 1024], scale: log}
    c: {log: [1, 100], step: 9, points: 3}
    d: {reverse_log: [0.1, 0.9]}
    e: {categories: [8, 16]}
    f: {values: [a, "5", true, 1.5], weights: [1, 2, 0, 1]}
    g: {normal: [0, 1], low: -2, high: 2, step: 0.25}
    h: [0.5, 0.1]
    i: "text with space"
    j: {double: [2, 2]}
    k-l: {values: [x, y], default: y}
  constraints: ["a <= d * 2", "f != 'a'"]
  initial_points: [{a: 0.5, b: 2}, {f: "5"}]
)");
  CHECK(job.search->objectives.size() == 2);
}

}  // namespace
}  // namespace dl::spec
