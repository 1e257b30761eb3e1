// Specs made up from the table of keys, written and read again.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "model/spec/keys.h"
#include "model/spec/parse.h"

namespace dl::spec {
namespace {

using Random = std::mt19937_64;

std::uint64_t pick(Random& random, std::uint64_t least, std::uint64_t most) {
  // Small, large and at the bounds alike: uniform numbers would nearly all be large.
  const std::uint64_t span = most - least;
  switch (random() % 4) {
    case 0: return least;
    case 1: return most;
    case 2: return least + (span == ~0ull ? random() : random() % (span + 1));
    default: return least + std::min<std::uint64_t>(span, random() % 100);
  }
}

std::string pick_text(Random& random) {
  static const std::vector<std::string> kTexts = {
      "a",   "true",   "null",       "~",        "5",    "1e3",  "0x10", "- a", "a: b",
      " x ", "x\ny\n", "\t\"q",      "\u00e9",   "#c",   "a #",  "{a}",  "[",   "*a",
      "&a",  "!a",     "15s",        "4GiB",     "yes",  "a\\b", "'",    "%",   "| x",
      "<<",  "/a/b",   "\U0001F600", "\x01\x7f", "\r\n", "a=b"};
  return kTexts[random() % kTexts.size()];
}

// Sets one member to a value that its rule allows; one overload a type.
struct Scramble {
  const Rule& rule;
  Target target;
  Random& random;

  void operator()(Member<bool> member) const { member(target) = random() % 2 == 0; }
  void operator()(Member<std::uint32_t> member) const {
    member(target) = static_cast<std::uint32_t>(
        pick(random, rule.least, std::min<std::uint64_t>(rule.most, ~0u)));
  }
  void operator()(Member<std::uint64_t> member) const {
    member(target) = pick(random, rule.least, rule.most);
  }
  void operator()(Member<double> member) const {
    const double high = std::isinf(rule.high) ? 1e9 : rule.high;
    const double share = std::ldexp(static_cast<double>(random() >> 11), -53) * 0.999 + 0.0005;
    const bool at_low = !rule.excludes_low && random() % 4 == 0;
    member(target) = at_low ? rule.low
                            : rule.low + share * (high - rule.low) *
                                             std::pow(10, -static_cast<double>(random() % 12));
  }
  void operator()(Member<std::string> member) const {
    if (!rule.words.empty()) {
      member(target) = rule.words[random() % rule.words.size()];
    } else if (rule.form == Form::kName) {
      member(target) = random() % 2 == 0 ? "null" : "0x1.a_b-";
    } else if (rule.form == Form::kAbsolutePath) {
      member(target) = "/" + pick_text(random);
    } else {
      member(target) = "run " + pick_text(random);
    }
  }
  void operator()(Member<std::chrono::milliseconds> member) const {
    member(target) = std::chrono::milliseconds(pick(random, rule.least, rule.most));
  }
  void operator()(Member<Sizes> member) const {
    member(target).resize(random() % 4);
    for (auto& size : member(target))
      size = static_cast<std::uint32_t>(pick(random, rule.least, rule.most));
  }
  void operator()(Member<Shape> member) const {
    for (auto& size : member(target))
      size = static_cast<std::uint32_t>(pick(random, rule.least, rule.most));
  }
  void operator()(Member<Texts> member) const {
    member(target).clear();
    for (auto i = random() % 3; i > 0; --i)
      member(target)["N_" + std::to_string(i)] = pick_text(random);
  }
  void operator()(Member<Goal> member) const { member(target) = -0.25; }
  // Their values depend on each other: make_search fills them in.
  void operator()(Member<Objectives>) const {}
  void operator()(Member<Parameters>) const {}
  void operator()(Member<Constraints>) const {}
  void operator()(Member<Points>) const {}
};

void scramble(AppliesTo applies_to, std::string_view prefix, Target target, Random& random) {
  for (const Key& key : keys()) {
    const bool wanted = key.applies_to == AppliesTo::kEveryJob || key.applies_to == applies_to;
    const bool of_role = key.path.starts_with("roles.") || key.path.starts_with("resources.");
    const bool fits = prefix.empty() ? !of_role : key.path.starts_with(prefix);
    if (wanted && fits && random() % 2 == 0)
      std::visit(Scramble{key.rule, target, random}, key.field);
  }
}

void scramble_role(AppliesTo applies_to, std::string_view prefix, JobSpec& job, RoleSpec& role,
                   Random& random) {
  scramble(applies_to, prefix, Target{job, role}, random);
  if (role.resources.gpus == 0 && role.resources.cpus == 0) role.resources.cpus = 1;
  if (role.role == Role::kChief || role.role == Role::kEvaluator) role.count = 1;
}

// Keys that do not belong to the strategy cannot be given; what fits together is kept.
void fit_strategy(JobSpec& job) {
  StrategySpec& spec = job.strategy;
  if (spec.name == "averaging" && spec.frequency != "once") spec.frequency = "epoch";
  if (spec.name != "averaging" && spec.frequency == "once") spec.frequency = "window";
  if (spec.algorithm == "sync" && spec.server_optimizer == "none") spec.server_optimizer = "sgd";
  if (spec.algorithm == "eamsgd") job.train.optimizer = "sgd";
  if (has_servers(spec)) spec.algorithm = spec.algorithm.empty() ? "adag" : spec.algorithm;
  spec.replicate = spec.replicate && spec.servers > 1;
  if (spec.rho * spec.elastic_rate > 1) spec.rho = spec.elastic_rate = 0.5;
  if (spec.group_size > 0) spec.workers = spec.group_size;
  const StrategySpec none;
  const auto keep = [&](const char* key, auto member) {
    if (!strategy_key(key)->belongs(spec)) spec.*member = none.*member;
  };
  // Those first that others depend on.
  keep("algorithm", &StrategySpec::algorithm);
  keep("frequency", &StrategySpec::frequency);
  keep("window", &StrategySpec::window);
  fill_defaults(spec, job.train);
  keep("servers", &StrategySpec::servers);
  keep("replicate", &StrategySpec::replicate);
  keep("bucket_bytes", &StrategySpec::bucket_bytes);
  keep("compression", &StrategySpec::compression);
  keep("staleness", &StrategySpec::staleness);
  keep("rho", &StrategySpec::rho);
  keep("elastic_rate", &StrategySpec::elastic_rate);
  keep("momentum", &StrategySpec::momentum);
  keep("server_optimizer", &StrategySpec::server_optimizer);
  keep("target_communication", &StrategySpec::target_communication);
  keep("group_size", &StrategySpec::group_size);
}

JobSpec generate_model(Random& random) {
  JobSpec job;
  job.name = "m";
  job.model.emplace();
  job.model->name = "mlp";
  job.data.format = "synthetic";
  RoleSpec worker;
  scramble(AppliesTo::kModel, "", Target{job, worker}, random);
  const bool reads_ids = job.model->name == "wide_deep" || job.model->name == "transformer";
  if (reads_ids && job.data.format == "idx") job.data.format = "synthetic";
  if (job.data.format == "text") job.model->name = "transformer";
  if (job.data.format != "synthetic") job.data.path = "/data";
  if (job.model->categories.empty()) job.model->categories = {1};
  job.model->width = job.model->heads * (1 + static_cast<std::uint32_t>(random() % 64));
  if (random() % 4 == 0) job.strategy.bucket_bytes = 0;
  fit_strategy(job);
  job.train.batch_size = job.strategy.workers * (1 + static_cast<std::uint32_t>(random() % 8));
  job.train.accumulate_steps = 1 + static_cast<std::uint32_t>(random() % 3);
  job.train.batch_size *= job.train.accumulate_steps;
  job.train.schedule.warmup_epochs =
      std::min<double>(job.train.schedule.warmup_epochs, job.train.epochs);
  job.train.nesterov = job.train.nesterov && job.train.momentum > 0;
  scramble_role(AppliesTo::kModel, "resources.", job, worker, random);
  if (job.train.precision == "float16" &&
      (worker.resources.gpus == 0 || job.strategy.name != "ring")) {
    job.train.precision = "bfloat16";
  }
  worker.count = job.strategy.workers;
  if (worker.resources.gpus > 0) job.strategy.compression.name = "none";
  job.roles = {worker};
  if (has_servers(job.strategy)) {
    RoleSpec server;
    server.role = Role::kPs;
    server.count = job.strategy.servers;
    job.roles.push_back(server);
  }
  return job;
}

JobSpec generate_command(Random& random) {
  JobSpec job;
  job.name = "c";
  job.command = "run";
  RoleSpec unused;
  scramble(AppliesTo::kCommand, "", Target{job, unused}, random);
  for (const Role role : {Role::kChief, Role::kWorker, Role::kPs, Role::kEvaluator}) {
    if (role != Role::kWorker && random() % 2 == 0) continue;
    RoleSpec spec;
    spec.role = role;
    scramble_role(AppliesTo::kCommand, "roles.", job, spec, random);
    job.roles.push_back(spec);
  }
  return job;
}

ParameterValue pick_value(Random& random) {
  switch (random() % 4) {
    case 0: return random() % 2 == 0;
    case 1: return static_cast<std::int64_t>(random() % 1000) - 500;
    case 2: return static_cast<double>(random() % 1000) + 0.125;
    default: return pick_text(random);
  }
}

Domain pick_domain(Random& random) {
  const double low = static_cast<double>(1 + random() % 10) / 8;
  switch (random() % 4) {
    case 0: {
      Range range{.low = low, .high = low + 8, .step = random() % 2 == 0 ? 0.5 : 0};
      range.scale = static_cast<Scale>(random() % 3);
      range.whole = random() % 2 == 0;
      if (range.whole) range.low = std::ceil(low), range.high = range.low + 8, range.step = 2;
      if (range.scale == Scale::kReverseLog)
        range.ceiling = range.high + (random() % 2 == 0 ? range.low : 0.5);
      return range;
    }
    case 1: return Numbers{{low, low + 1, low + 2.5}, false};
    case 2: {
      Choices choices;
      while (choices.values.size() < 1 + random() % 4) {
        auto value = pick_value(random);
        const auto& known = choices.values;
        if (std::find(known.begin(), known.end(), value) == known.end())
          choices.values.push_back(std::move(value));
      }
      if (random() % 2 == 0) choices.weights.assign(choices.values.size(), low);
      return choices;
    }
    default:
      return Normal{.mean = low,
                    .deviation = low,
                    .log = random() % 2 == 0,
                    .step = random() % 2 == 0 ? 0.5 : 0,
                    .low = 0.25,
                    .high = low + 9};
  }
}

// A search over words; `job` is a command's.
void add_search(JobSpec& job, Random& random) {
  RoleSpec unused;
  job.search.emplace();
  for (const Key& key : search_keys()) {
    if (random() % 2 == 0) std::visit(Scramble{key.rule, Target{job, unused}, random}, key.field);
  }
  SearchSpec& search = *job.search;
  search.objectives = {{"a:b", "minimize"}};
  search.algorithm = random() % 2 == 0 ? "random" : "gp";
  search.early_stopping.rule = random() % 2 == 0 ? "none" : "curve";
  search.max_trials = std::max(1u, search.max_trials);
  search.halving.max_resource = 0;
  if (random() % 2 == 0 && !search.stop.target) {
    search.early_stopping.rule = "none";
    search.objectives.push_back({"c", "maximize"});
  }
  for (int i = 0; i < 4; ++i) {
    Parameter parameter{"p" + std::to_string(i), pick_domain(random), {}, {}, 0};
    const auto values = grid_values(parameter);
    if (!values.empty() && random() % 2 == 0) parameter.initial = values.back();
    if (!values.empty() && random() % 2 == 0 && std::holds_alternative<Range>(parameter.domain))
      parameter.points = 3;
    const Parameter* parent = i == 0 ? nullptr : &search.parameters.front();
    if (parent != nullptr && !grid_values(*parent).empty() && random() % 2 == 0)
      parameter.condition = Condition{"p0", {grid_values(*parent).front()}};
    search.parameters.push_back(std::move(parameter));
  }
  // Parents first, and else in the order they have: what reading makes of it.
  std::stable_sort(search.parameters.begin(), search.parameters.end(),
                   [](const Parameter& a, const Parameter& b) {
                     return !a.condition && b.condition && a.name == "p0";
                   });
  job.command = "run ${search.args}";
}

TEST_CASE("a spec written out reads back as the same spec", "[spec]") {
  Random random(20'261'123);
  for (int i = 0; i < 400; ++i) {
    JobSpec job = random() % 2 == 0 ? generate_model(random) : generate_command(random);
    if (!job.model && random() % 2 == 0) add_search(job, random);
    job.restarts.backoff_max = std::max(job.restarts.backoff, job.restarts.backoff_max);
    for (const std::string& text : {to_yaml(job), to_json(job)}) {
      const ParseResult result = parse(text);
      INFO("case " << i << ":\n" << text);
      INFO(to_string(result.problems, "spec"));
      REQUIRE(result.spec);
      REQUIRE(*result.spec == job);
    }
  }
}

}  // namespace
}  // namespace dl::spec
