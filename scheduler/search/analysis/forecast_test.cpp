#include "scheduler/search/analysis/forecast.h"

#include <catch2/catch.hpp>

using namespace dl;
using namespace dl::scheduler;

namespace {

JobSpec job_of(const std::string& algorithm, std::uint32_t trials, std::uint32_t parallel = 1) {
  JobSpec job;
  job.search.emplace();
  SearchSpec& search = *job.search;
  search.objectives = {{.metric = "accuracy", .goal = "maximize"}};
  search.algorithm = algorithm;
  search.max_trials = trials;
  search.max_parallel = parallel;
  search.halving.max_resource = 16;
  search.parameters = {{.name = "x", .domain = Range{.low = 0, .high = 1}},
                       {.name = "y", .domain = Choices{.values = {"a", "b"}}}};
  return job;
}

}  // namespace

TEST_CASE("a search without a schedule runs every trial to its end", "[analysis]") {
  for (const char* algorithm : {"random", "sobol", "tpe", "gp", "cmaes"}) {
    INFO(algorithm);
    const Forecast result = forecast(job_of(algorithm, 10, 4));
    CHECK(result.trials == 10);
    CHECK(result.resource == Estimate{160, 160, 160});
    CHECK(result.resource_of_all == 160);
    CHECK(result.span == Estimate{48, 48, 48});  // Three rounds.
    CHECK(result.span_of_all == 48);
    REQUIRE(result.rungs.size() == 1);
    CHECK(result.rungs[0] == ForecastRung{16, {10, 10, 10}});
  }
}

TEST_CASE("successive halving spends what its rungs say", "[analysis]") {
  // 16 trials to 1, 4 on to 4, 1 on to 16: 16 + 4·3 + 12.
  const Forecast result = forecast(job_of("successive_halving", 16, 16));
  CHECK(result.rungs ==
        std::vector<ForecastRung>{{1, {16, 16, 16}}, {4, {4, 4, 4}}, {16, {1, 1, 1}}});
  CHECK(result.resource == Estimate{40, 40, 40});
  CHECK(result.span == Estimate{16, 16, 16});
  CHECK(result.resource_of_all == 256);
}

TEST_CASE("asha spends a part that varies with the order of results", "[analysis]") {
  const Forecast result = forecast(job_of("asha", 64, 4));
  REQUIRE(result.rungs.size() == 3);
  CHECK(result.rungs[0].trials == Estimate{64, 64, 64});
  // A quarter goes on at each rung, of those that came so far, and the first of all.
  CHECK(result.rungs[1].trials.mean == Approx(18).margin(4));
  CHECK(result.rungs[1].trials.low < result.rungs[1].trials.high);
  CHECK(result.rungs[2].trials.mean >= 4);
  CHECK(result.resource.mean < 0.35 * result.resource_of_all);
  CHECK(result.span.mean * 4 >= result.resource.mean);
  CHECK(result == forecast(job_of("asha", 64, 4)));
}

TEST_CASE("promotion pauses all at a rung and resumes the best", "[analysis]") {
  JobSpec job = job_of("asha", 64, 4);
  job.search->halving.variant = "promotion";
  const Forecast result = forecast(job);
  REQUIRE(result.rungs.size() == 3);
  CHECK(result.rungs[0].trials == Estimate{64, 64, 64});
  CHECK(result.rungs[1].trials.mean >= 16);
  CHECK(result.rungs[1].trials.mean < 30);
  CHECK(result.resource.mean < 0.35 * result.resource_of_all);
}

TEST_CASE("every algorithm has a forecast, within what all trials would spend", "[analysis]") {
  for (const char* algorithm : {"hyperband", "bohb", "pbt"}) {
    INFO(algorithm);
    JobSpec job = job_of(algorithm, 40, 8);
    job.search->pbt.population = 8;
    const Forecast result = forecast(job);
    CHECK(result.resource.mean > 0);
    CHECK(result.resource.high < result.resource_of_all);
  }
  JobSpec job = job_of("tpe", 40, 4);
  job.search->early_stopping.rule = "median";
  CHECK(forecast(job).resource.mean < forecast(job_of("tpe", 40, 4)).resource.mean);
}

TEST_CASE("a grid has as many trials as points", "[analysis]") {
  JobSpec job = job_of("grid", 0, 2);
  job.search->parameters[0].points = 5;
  CHECK(forecast(job).trials == 10);
  job.search->max_trials = 4;
  CHECK(forecast(job).trials == 4);
}

TEST_CASE("a great search is scaled from a smaller one", "[analysis]") {
  const Forecast small = forecast(job_of("asha", 10'000, 8));
  const Forecast great = forecast(job_of("asha", 100'000, 8));
  CHECK(great.trials == 100'000);
  CHECK(great.rungs[0].trials.mean == 100'000);
  CHECK(great.resource.mean == Approx(10 * small.resource.mean));
}

TEST_CASE("the length of a trial is the search's or its training's", "[analysis]") {
  JobSpec job = job_of("asha", 8);
  CHECK(whole_trial(job) == 16);
  job.search->halving.max_resource = 0;
  CHECK(whole_trial(job) == 0);
  CHECK(forecast(job).resource == Estimate{8, 8, 8});  // Whole trials.
  job.model.emplace();
  job.train.epochs = 5;
  CHECK(whole_trial(job) == 5);
  job.search->halving.resource = "steps";
  job.train.max_steps = 700;
  CHECK(whole_trial(job) == 700);
}

TEST_CASE("what is tried first is what the search will try", "[analysis]") {
  JobSpec job = job_of("random", 3);
  job.search->initial_points = {{{"x", 0.25}, {"y", "b"}}};
  const auto first = first_suggestions(job, 10);
  REQUIRE(first.size() == 3);
  CHECK(first[0] == Assignment{{"x", 0.25}, {"y", "b"}});
  CHECK(first[1] != first[2]);
  CHECK(first_suggestions(job, 2).size() == 2);
  for (const char* algorithm :
       {"random", "sobol", "tpe", "gp", "cmaes", "asha", "hyperband", "bohb", "pbt"}) {
    INFO(algorithm);
    CHECK(first_suggestions(job_of(algorithm, 30), 15).size() == 15);
  }
}
