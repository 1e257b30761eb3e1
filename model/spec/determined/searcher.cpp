#include "model/spec/determined/searcher.h"

#include <algorithm>
#include <cmath>

#include "model/spec/build.h"
#include "model/spec/values.h"

namespace dl::spec::determined {
namespace {

std::uint64_t whole_or(const Entry* entry, std::uint64_t otherwise) {
  const auto value = entry == nullptr ? std::nullopt : parse_whole(entry->value.text);
  return value && *value > 0 ? *value : otherwise;
}

class Reader {
 public:
  Reader(Fields& searcher, NativeJob& job) : searcher_(searcher), job_(job) {}

  void read() {
    const auto name =
        searcher_.take_word("name", {"single", "random", "grid", "async_halving", "adaptive_asha"});
    if (const Entry* metric = searcher_.take("metric"))
      job_.set("search.metric", metric->value, metric->mark);
    const bool larger = find_field(searcher_.node(), "smaller_is_better") != nullptr &&
                        !searcher_.take_truth("smaller_is_better");
    job_.set("search.goal", text(larger ? "maximize" : "minimize"), searcher_.node().mark);
    searcher_.ignore({"source_trial_id", "source_checkpoint_uuid"},
                     "a trial does not begin at another job's checkpoint");
    if (name) {
      read_kind(*name);
    } else {
      for (const char* other :
           {"max_trials", "max_concurrent_trials", "max_length", "max_time", "time_metric",
            "divisor", "num_rungs", "max_rungs", "mode", "bracket_rungs", "stop_once"}) {
        searcher_.take(other);
      }
    }
    searcher_.refuse_rest();
  }

 private:
  void read_kind(std::string_view name) {
    const Mark mark = searcher_.node().mark;
    const bool halving = name == "async_halving" || name == "adaptive_asha";
    if (name == "single") {
      job_.set("search.algorithm", text("random"), mark);
      job_.set("search.max_trials", plain("1"), mark);
    } else {
      job_.set("search.algorithm", text(halving ? "asha" : name), mark);
      job_.copy(searcher_, "max_trials", "search.max_trials");
      const Entry* parallel = searcher_.take("max_concurrent_trials");
      // Its default is 16, and 0 leaves the number to it.
      const bool given = parallel != nullptr && parallel->value.text != "0";
      job_.set("search.max_parallel", given ? parallel->value : plain("16"),
               given ? parallel->mark : mark);
    }
    if (halving) {
      read_rungs(name == "adaptive_asha");
    } else {
      searcher_.ignore({"max_length", "max_time", "time_metric"},
                       "a command trains as long as its arguments say");
    }
  }

  void read_rungs(bool adaptive) {
    const Mark mark = searcher_.node().mark;
    std::uint64_t most = 0;
    Mark most_mark = mark;
    read_length(most, most_mark);
    const Entry* divisor = searcher_.take("divisor");
    const std::uint64_t reduction = std::max<std::uint64_t>(2, whole_or(divisor, 4));
    job_.set("search.halving.reduction", divisor != nullptr ? divisor->value : plain("4"),
             divisor != nullptr ? divisor->mark : mark);
    std::uint64_t rungs = whole_or(searcher_.take(adaptive ? "max_rungs" : "num_rungs"), 5);
    // So many that the first is not below one unit.
    std::uint64_t least = most;
    for (; rungs > 1 && least / reduction >= 1; --rungs) least /= reduction;
    if (most > 0) {
      job_.set("search.halving.max_resource", plain(std::to_string(most)), most_mark);
      job_.set("search.halving.min_resource", plain(std::to_string(least)), most_mark);
    }
    const auto mode = adaptive
                          ? searcher_.take_word("mode", {"aggressive", "standard", "conservative"})
                          : std::optional<std::string_view>("aggressive");
    const std::uint64_t all = std::max<std::uint64_t>(1, rungs_between(least, most, reduction));
    const std::uint64_t brackets = mode == "aggressive"     ? 1
                                   : mode == "conservative" ? all
                                                            : all - (all + 1) / 2 + 1;
    if (const auto given = searcher_.take_items("bracket_rungs"); !given.empty()) {
      job_.set("search.halving.brackets", plain(std::to_string(given.size())), mark);
      searcher_.note(mark, "bracket_rungs",
                     "read as " + std::to_string(given.size()) +
                         " brackets, each of which begins a rung higher");
    } else {
      job_.set("search.halving.brackets", plain(std::to_string(brackets)), mark);
    }
    if (const Entry* once = searcher_.take("stop_once"); once != nullptr) {
      job_.set("search.halving.variant",
               text(once->value.text == "true" ? "stopping" : "promotion"), once->mark);
    }
  }

  static std::uint64_t rungs_between(std::uint64_t least, std::uint64_t most,
                                     std::uint64_t reduction) {
    std::uint64_t rungs = 1;
    for (; least > 0 && least * reduction <= most; least *= reduction) ++rungs;
    return rungs;
  }

  // max_length: {batches: 1000}, or time_metric: batches with max_time: 1000.
  void read_length(std::uint64_t& most, Mark& mark) {
    std::string unit;
    if (const Entry* length = searcher_.take("max_length")) {
      const bool is_map = length->value.is_map() && length->value.entries.size() == 1;
      const Entry* amount = is_map ? &length->value.entries.front() : length;
      unit = is_map ? amount->key : "batches";
      most = whole_or(amount, 0);
      mark = amount->value.mark;
    }
    const Entry* metric = searcher_.take("time_metric");
    if (const Entry* time = searcher_.take("max_time")) {
      unit = metric == nullptr ? "batches" : metric->value.text;
      most = whole_or(time, 0);
      mark = time->value.mark;
    }
    if (most == 0) {
      searcher_.miss("max_time", "say how long a whole trial is, such as 1000");
      most = 1'000'000;  // So that the rest can be checked.
    }
    const bool known = unit == "batches" || unit == "epochs";
    job_.set("search.halving.resource",
             text(unit == "epochs" ? "epochs"
                  : known          ? "steps"
                                   : "reports"),
             mark);
    if (!known) {
      searcher_.note(mark, "",
                     "read " + quoted(unit) + " as counted by the trial's reports of the metric");
    }
  }

  Fields& searcher_;
  NativeJob& job_;
};

}  // namespace

void read_searcher(Fields& searcher, NativeJob& job) { Reader(searcher, job).read(); }

}  // namespace dl::spec::determined
