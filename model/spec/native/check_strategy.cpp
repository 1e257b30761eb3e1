// Which keys of `strategy` belong to which strategy, and what has to fit together.

#include "model/spec/native/read.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

// "ps with adag": what the document asks for.
std::string describe(const StrategySpec& spec) {
  if (!has_servers(spec)) return spec.name;
  std::string text = spec.name + " with " + (spec.algorithm.empty() ? "sync" : spec.algorithm);
  if (!spec.frequency.empty()) text += " and frequency " + spec.frequency;
  return text;
}

class StrategyChecker {
 public:
  StrategyChecker(const Node& root, JobSpec& job, Problems& problems)
      : root_(root), job_(job), spec_(job.strategy), problems_(problems) {}

  void check() {
    // Where one of these was refused, nobody knows what the others belong to.
    if (problems_.touch("strategy.name") || problems_.touch("strategy.algorithm") ||
        problems_.touch("strategy.frequency")) {
      return;
    }
    const StrategySpec given = spec_;
    fill_defaults(spec_, job_.train);
    for (const StrategyKey& key : strategy_keys()) {
      const std::string path = "strategy." + std::string(key.name);
      if (find_entry(root_, path) == nullptr) continue;
      // By what was given or follows from it: a window makes local_sgd's target useless.
      if (!key.belongs(spec_)) {
        fail(path, "belongs to " + std::string(key.owners) + "; this job's strategy is " +
                       describe(given));
      }
    }
    check_frequency();
    check_servers();
    check_groups();
  }

 private:
  void fail(std::string_view path, std::string message) {
    if (problems_.touch(path)) return;
    problems_.add(place_of(root_, path), std::string(path), std::move(message));
  }

  void check_frequency() {
    const bool averaging = spec_.name == "averaging";
    if (averaging && spec_.frequency != "epoch" && spec_.frequency != "once") {
      fail("strategy.frequency",
           "must be epoch or once with averaging, not " + quoted(spec_.frequency));
    }
    if (!averaging && spec_.frequency == "once") {
      fail("strategy.frequency", "\"once\" belongs to averaging; ps has batch, window and epoch");
    }
  }

  void check_servers() {
    if (!has_servers(spec_)) return;
    if (spec_.replicate && spec_.servers < 2) {
      fail("strategy.replicate",
           "needs strategy.servers of at least 2: a server's replica is with "
           "the next server");
    }
    if (spec_.algorithm == "sync" && spec_.server_optimizer == "none") {
      fail("strategy.server_optimizer",
           "must not be none with sync: the servers make the step; take sgd, momentum, adagrad, "
           "adam or adamw");
    }
    const bool elastic = spec_.algorithm == "aeasgd" || spec_.algorithm == "eamsgd";
    if (elastic && spec_.rho * spec_.elastic_rate > 1) {
      fail("strategy.rho", "times strategy.elastic_rate is " +
                               format_real(spec_.rho * spec_.elastic_rate) +
                               ", above 1: workers would jump past the centre; lower one of them");
    }
    if (spec_.algorithm == "eamsgd" && job_.train.optimizer != "sgd") {
      fail("strategy.algorithm",
           "eamsgd is sgd with momentum; set train.optimizer to sgd, or take "
           "aeasgd with " +
               job_.train.optimizer);
    }
  }

  void check_groups() {
    if (spec_.name != "hybrid" || spec_.group_size == 0) return;
    if (spec_.workers % spec_.group_size != 0) {
      fail("strategy.group_size",
           std::to_string(spec_.workers) + " workers cannot be cut into groups of " +
               std::to_string(spec_.group_size) + "; take a divisor of strategy.workers");
    }
  }

  const Node& root_;
  JobSpec& job_;
  StrategySpec& spec_;
  Problems& problems_;
};

}  // namespace

void check_strategy(const Node& root, JobSpec& job, Problems& problems) {
  StrategyChecker(root, job, problems).check();
}

}  // namespace dl::spec::native
