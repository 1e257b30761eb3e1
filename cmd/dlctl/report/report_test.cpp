#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <regex>

#include "cmd/dlctl/report/charts.h"
#include "cmd/dlctl/report/page.h"
#include "cmd/dlctl/report/plot.h"
#include "cmd/dlctl/testing/search_fixture.h"

namespace dl::dlctl {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

SearchResults results_of(SearchFixture fixture) {
  auto results = make_results(fixture.job, fixture.listed, fixture.metrics);
  REQUIRE(results.has_value());
  return *std::move(results);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

std::vector<std::string> labels(const PlotAxis& axis, int about) {
  std::vector<std::string> labels;
  for (const Tick& tick : round_ticks(axis, about)) labels.push_back(tick.label);
  return labels;
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("ticks are round numbers within the axis", "[report]") {
  CHECK(labels({.low = 0, .high = 1}, 5) == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1"});
  CHECK(labels({.low = 0.703, .high = 0.931}, 5) == Labels{"0.75", "0.8", "0.85", "0.9"});
  CHECK(labels({.low = -3, .high = 12}, 5) == Labels{"0", "5", "10"});
  CHECK(labels({.low = 0.00009, .high = 1.2, .log = true}, 6) ==
        Labels{"0.0001", "0.001", "0.01", "0.1", "1"});
  // Less than two powers of ten: as on a linear one.
  CHECK(labels({.low = 20, .high = 90, .log = true}, 4) == Labels{"20", "40", "60", "80"});
  CHECK(labels({.low = 5e6, .high = 2e7}, 4) == Labels{"5e+06", "1e+07", "1.5e+07", "2e+07"});
}

TEST_CASE("an axis holds its values and has an extent", "[report]") {
  const std::vector<double> values = {1, std::numeric_limits<double>::quiet_NaN(), 3};
  const PlotAxis axis = axis_over("x", values);
  CHECK(axis.low < 1);
  CHECK(axis.high > 3);
  CHECK(axis.share(2) == Approx(0.5));
  const PlotAxis log = axis_over("x", std::vector<double>{1, 100}, true);
  CHECK(log.log);
  CHECK(log.share(10) == Approx(0.5));
  CHECK_FALSE(axis_over("x", std::vector<double>{0, 100}, true).log);
  const PlotAxis flat = axis_over("x", std::vector<double>{7, 7});
  CHECK(flat.share(7) == Approx(0.5));
}

TEST_CASE("a plot leaves out what is not finite, and escapes what people wrote", "[report]") {
  Plot plot(200, 100, {.label = "a < b", .low = 0, .high = 1}, {.low = 0, .high = 1}, "\"t\"");
  plot.line(std::vector<PlotPoint>{{0, 0}, {0.5, std::nan("")}, {1, 1}}, "best", "<script>");
  plot.dot({std::nan(""), 0}, 3, "best");
  const std::string svg = plot.svg();
  CHECK(count(svg, "<path") == 1);
  CHECK(count(svg, "<circle") == 0);
  CHECK(count(svg, "L") == 1);
  CHECK(svg.find("<title>&lt;script&gt;</title>") != std::string::npos);
  CHECK(svg.find("a &lt; b") != std::string::npos);
  CHECK(svg.find("aria-label=\"&quot;t&quot;\"") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
}

TEST_CASE("the charts have a mark for each trial", "[report]") {
  const SearchResults results = results_of(asha_search(kNow));
  // Seven trials have reported; the failed one has not.
  CHECK(count(learning_curves_chart(results), "<path") == 7);
  CHECK(count(parallel_chart(results), "<path") == 7);
  CHECK(count(slice_chart(results, results.search().parameters[0]), "<circle") == 7);
  // Momentum is there beside sgd only.
  CHECK(count(slice_chart(results, results.search().parameters[3]), "<circle") == 3);
  CHECK(count(learning_curves_chart(results), "class=\"line best\"") == 1);
  CHECK(front_chart(results).empty());
  const SearchResults pareto = results_of(pareto_search(kNow));
  CHECK(count(front_chart(pareto), "class=\"dot best\"") == 4);
  CHECK(count(front_chart(pareto), "<circle") == 12);
  CHECK(count(importance_chart(importance_of(pareto)), "<rect") == 1);
}

TEST_CASE("the page is one file without scripts or links", "[report]") {
  auto fixture = asha_search(kNow);
  fixture.job.set_name("<b>fashion</b>");
  fixture.listed.mutable_trials(1)->set_why("<img src=x onerror=alert(1)>");
  const std::string page = report_page(results_of(fixture), "name: best\ntrain:\n  epochs: 4\n",
                                       Timestamp(std::chrono::seconds(kNow)));
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("<img") == std::string::npos);
  CHECK(page.find("<b>fashion") == std::string::npos);
  CHECK(page.find("src=") == page.find("src=x onerror"));
  CHECK(count(page, "http") == 0);
  CHECK(count(page, "url(") == 0);
  CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
  CHECK(page.find("width=device-width") != std::string::npos);
  CHECK(page.find("<pre>name: best\ntrain:\n  epochs: 4\n</pre>") != std::string::npos);
  CHECK(count(page, "<tr class=\"best\">") == 1);
  // The trials and the values of the best, each below a head.
  CHECK(count(page, "<tr") == 9 + 4);
  CHECK(page.find("2023-11-14T22:13:20") != std::string::npos);
}

TEST_CASE("a page of a search that has just begun says so by what it has", "[report]") {
  auto fixture = asha_search(kNow);
  fixture.listed.clear_trials();
  fixture.metrics.clear_series();
  fixture.listed.mutable_search()->clear_best();
  const std::string page =
      report_page(results_of(fixture), "", Timestamp(std::chrono::seconds(kNow)));
  CHECK(count(page, "<svg") == 0);
  CHECK(page.find("The spec of") == std::string::npos);
  CHECK(count(page, "<h2>Trials</h2>") == 1);
}

}  // namespace dl::dlctl
