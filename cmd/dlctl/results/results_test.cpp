#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "cmd/dlctl/results/comparison.h"
#include "cmd/dlctl/results/forecast_view.h"
#include "cmd/dlctl/results/report_view.h"
#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/testing/search_fixture.h"
#include "model/spec/parse.h"

namespace dl::dlctl {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

SearchResults asha() {
  auto fixture = asha_search(kNow);
  auto results = make_results(fixture.job, fixture.listed, fixture.metrics);
  REQUIRE(results.has_value());
  return *std::move(results);
}

SearchResults pareto() {
  auto fixture = pareto_search(kNow);
  auto results = make_results(fixture.job, fixture.listed, fixture.metrics);
  REQUIRE(results.has_value());
  return *std::move(results);
}

std::vector<std::uint32_t> numbers(const Result<std::vector<const TrialResult*>>& trials) {
  REQUIRE(trials.has_value());
  std::vector<std::uint32_t> numbers;
  for (const TrialResult* trial : *trials) numbers.push_back(trial->trial.number());
  return numbers;
}

using Numbers = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("a search is named by what chooses its values and what ends its trials", "[results]") {
  SearchResults results = asha();
  CHECK(search_headline(results, {}).find(": asha, 8 of 12") != std::string::npos);
  results.status.set_algorithm("tpe");
  results.status.set_early_stopping("none");
  CHECK(search_headline(results, {}).find(": tpe, 8 of 12") != std::string::npos);
  results.status.set_early_stopping("median");
  CHECK(search_headline(results, {}).find(": tpe with median, 8 of 12") != std::string::npos);
}

TEST_CASE("results have the values in the types of their domains", "[results]") {
  const SearchResults results = asha();
  CHECK(results.trials[0].values == Assignment{{"train.learning_rate", 0.05},
                                               {"train.batch_size", std::int64_t{128}},
                                               {"train.optimizer", "sgd"},
                                               {"train.momentum", 0.9}});
  CHECK_FALSE(results.trials[1].values.contains("train.momentum"));
  REQUIRE(results.best().size() == 1);
  CHECK(results.best()[0]->trial.number() == 5);
  // Trials with other batches have other steps, and the same epochs.
  for (const std::size_t k : {0, 2, 4}) {
    std::vector<std::uint64_t> epochs;
    for (const auto& report : results.courses[k].reports) epochs.push_back(report.resource);
    CHECK(epochs == std::vector<std::uint64_t>{1, 2, 3, 4});
  }
  CHECK(results.courses[0].reports[1].seconds == 20);
  CHECK(results.courses[6].reports.empty());
}

TEST_CASE("what a trial repeats after a restart counts once", "[results]") {
  auto fixture = asha_search(kNow);
  auto& series = *fixture.metrics.mutable_series(0);
  const auto repeated = series.points(2);
  *series.add_points() = repeated;
  auto& again = *series.add_points();
  again = repeated;
  again.set_step(series.points(3).step());
  again.set_value(0.99);
  const auto results = make_results(fixture.job, fixture.listed, fixture.metrics);
  REQUIRE(results.has_value());
  REQUIRE(results->courses[0].reports.size() == 4);
  CHECK(results->courses[0].reports[3].value == 0.99);
}

TEST_CASE("trials are sorted by objective, any field, or its short form", "[results]") {
  const SearchResults results = asha();
  CHECK(numbers(select_trials(results, {})) == Numbers{5, 3, 8, 1, 6, 2, 4, 7});
  CHECK(numbers(select_trials(results, {.sort = "number", .top = 3})) == Numbers{1, 2, 3});
  CHECK(numbers(select_trials(results, {.sort = "-learning_rate", .top = 2})) == Numbers{7, 4});
  // A trial without the value comes last either way.
  CHECK(numbers(select_trials(results, {.sort = "momentum", .top = 5})) == Numbers{6, 4, 7, 1, 2});
  CHECK(numbers(select_trials(results, {.sort = "-train.momentum", .top = 2})) == Numbers{1, 7});
  CHECK(numbers(select_trials(results, {.sort = "accuracy", .top = 2})) == Numbers{4, 2});
  CHECK(numbers(select_trials(results, {.sort = "-time", .top = 3})) == Numbers{1, 3, 5});
}

TEST_CASE("trials are filtered by comparisons and state", "[results]") {
  const SearchResults results = asha();
  CHECK(numbers(select_trials(results, {.filters = {"learning_rate < 0.01"}})) ==
        Numbers{5, 3, 8, 2});
  CHECK(numbers(select_trials(results, {.filters = {"optimizer == 'sgd'", "accuracy > 0.5"}})) ==
        Numbers{1, 6});
  // What is not there does not pass.
  CHECK(numbers(select_trials(results, {.filters = {"momentum <= 1"}})) == Numbers{1, 6, 4, 7});
  CHECK(numbers(select_trials(results, {.filters = {"epochs >= 2"}})) == Numbers{5, 3, 8, 1});
  CHECK(numbers(select_trials(results, {.filters = {"state != 'ended'"}, .state = "stopped"})) ==
        Numbers{6, 2, 4});
}

TEST_CASE("a wrong filter, sort or state says what is right", "[results]") {
  const SearchResults results = asha();
  const auto message = [&](const TrialQuery& query) {
    const auto trials = select_trials(results, query);
    REQUIRE_FALSE(trials.has_value());
    CHECK(trials.error().code == Code::kInvalidArgument);
    return trials.error().message;
  };
  CHECK(message({.sort = "momentun"})
            .starts_with("--sort: trials have no \"momentun\" (did you mean \"momentum\"?); they "
                         "have attempts, "));
  CHECK(
      message({.filters = {"lr < 1"}}).starts_with("--filter: trials have no \"lr\"; they have "));
  CHECK(message({.filters = {"epochs"}})
            .starts_with("--filter \"epochs\": one of < <= > >= == != is expected"));
  CHECK(message({.state = "stoped"}) ==
        "--state: there is no state \"stoped\" (did you mean \"stopped\"?); states of trials are "
        "queued, running, paused, ended, stopped, failed, cancelled");
}

TEST_CASE("names are as short as they stay different", "[results]") {
  const std::vector<std::string> all = {"train.rate", "model.rate", "train.epochs", "width"};
  CHECK(short_name("train.epochs", all) == "epochs");
  CHECK(short_name("train.rate", all) == "train.rate");
  CHECK(short_name("width", all) == "width");
}

TEST_CASE("trials of several objectives have the front first", "[results]") {
  const SearchResults results = pareto();
  CHECK(numbers(select_trials(results, {.top = 5})) == Numbers{12, 9, 6, 3, 11});
  // From (0.72, 26.5): 18 wide up to 0.76, then what is above the faster ones.
  CHECK(hypervolume_of(results) == Approx(0.04 * 22 + 0.06 * 17.5 + 0.06 * 13 + 0.06 * 8.5));
}

TEST_CASE("importance is judged where half of the trials have been", "[results]") {
  const SearchResults results = asha();
  const ImportanceReport importance = importance_of(results);
  CHECK(importance.resource == 2);
  CHECK(importance.trials == 4);
  CHECK(importance.parameters.empty());  // Fewer than can be judged.
  const ImportanceReport width = importance_of(pareto());
  REQUIRE(width.parameters.size() == 1);
  CHECK(width.parameters[0].parameter == "width");
  CHECK(width.parameters[0].share == Approx(1));
}

}  // namespace dl::dlctl
