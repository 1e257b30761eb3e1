#include "tests/bench/search_quality/objectives.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <numbers>
#include <sstream>
#include <tuple>

namespace dl::bench {
namespace {

double number(const Assignment& assignment, const std::string& name) {
  return as_number(assignment.at(name)).value();
}

const std::string& word(const Assignment& assignment, const std::string& name) {
  return std::get<std::string>(assignment.at(name));
}

std::vector<double> vector_of(const Assignment& assignment) {
  std::vector<double> x;
  for (std::size_t i = 0; i < assignment.size(); ++i)
    x.push_back(number(assignment, "x" + std::to_string(i)));
  return x;
}

double branin(const Assignment& assignment) {
  constexpr double kPi = std::numbers::pi;
  const auto x = vector_of(assignment);
  const double a = x[1] - 5.1 / (4 * kPi * kPi) * x[0] * x[0] + 5 / kPi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * kPi)) * std::cos(x[0]) + 10;
}

double hartmann6(const Assignment& assignment) {
  static constexpr double kA[] = {1, 1.2, 3, 3.2};
  static constexpr double kB[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                      {.05, 10, 17, .1, 8, 14},
                                      {3, 3.5, 1.7, 10, 17, 8},
                                      {17, 8, .05, 10, .1, 14}};
  static constexpr double kP[4][6] = {{.1312, .1696, .5569, .0124, .8283, .5886},
                                      {.2329, .4135, .8307, .3736, .1004, .9991},
                                      {.2348, .1451, .3522, .2883, .3047, .6650},
                                      {.4047, .8828, .8732, .5743, .1091, .0381}};
  const auto x = vector_of(assignment);
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    double exponent = 0;
    for (std::size_t j = 0; j < 6; ++j) exponent += kB[i][j] * std::pow(x[j] - kP[i][j], 2);
    sum -= kA[i] * std::exp(-exponent);
  }
  return sum;
}

double ackley10(const Assignment& assignment) {
  double squares = 0, waves = 0;
  const auto x = vector_of(assignment);
  const auto count = static_cast<double>(x.size());
  for (const double v : x) {
    squares += v * v;
    waves += std::cos(2 * std::numbers::pi * v);
  }
  return -20 * std::exp(-.2 * std::sqrt(squares / count)) - std::exp(waves / count) + 20 +
         std::numbers::e;
}

double rosenbrock10(const Assignment& assignment) {
  double sum = 0;
  const auto x = vector_of(assignment);
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    sum += 100 * std::pow(x[i + 1] - x[i] * x[i], 2) + std::pow(1 - x[i], 2);
  return sum;
}

double conditional(const Assignment& a) {
  const double exponent = std::log10(number(a, "learning_rate"));
  double loss = .12 + .4 * std::pow(exponent + 3.3, 2);
  if (word(a, "optimizer") == "sgd") {
    const double momentum = number(a, "momentum");
    loss = .05 + .25 * std::pow(exponent + 1 + 1.5 * momentum, 2) + .5 * std::pow(momentum - .9, 2);
  } else if (word(a, "optimizer") == "adam") {
    loss = .35 * std::pow(exponent + 3, 2) + 20 * std::pow(number(a, "beta1") - .93, 2);
  }
  static constexpr double kOfLayers[] = {.35, .12, 0, .06};
  const double layers = number(a, "layers");
  loss += kOfLayers[static_cast<std::size_t>(layers) - 1] +
          .06 * std::pow(std::log2(number(a, "width")) - 7.5 + .5 * layers, 2);
  if (layers >= 2) loss += 1.2 * std::pow(number(a, "dropout") - .3, 2);
  if (!std::get<bool>(a.at("normalize"))) loss += .08 + .1 * std::abs(exponent + 3);
  return loss;
}

Parameter real(std::string name, double low, double high, Scale scale = Scale::kLinear) {
  return {.name = std::move(name), .domain = Range{.low = low, .high = high, .scale = scale}};
}

Parameter whole(std::string name, double low, double high, Scale scale = Scale::kLinear) {
  return {.name = std::move(name),
          .domain = Range{.low = low, .high = high, .step = 1, .scale = scale, .whole = true}};
}

Parameter choice(std::string name, std::vector<ParameterValue> values) {
  return {.name = std::move(name), .domain = Choices{.values = std::move(values)}};
}

Parameters reals(std::size_t count, double low, double high) {
  Parameters parameters;
  for (std::size_t i = 0; i < count; ++i)
    parameters.push_back(real("x" + std::to_string(i), low, high));
  return parameters;
}

Parameters conditional_parameters() {
  Parameters parameters = {choice("optimizer", {"sgd", "adam", "rmsprop"}),
                           real("learning_rate", 1e-5, 1, Scale::kLog),
                           whole("layers", 1, 4),
                           whole("width", 16, 1024, Scale::kLog),
                           choice("normalize", {false, true}),
                           real("momentum", 0, .99),
                           real("beta1", .8, .999),
                           real("dropout", 0, .8)};
  parameters[5].condition = Condition{"optimizer", {"sgd"}};
  parameters[6].condition = Condition{"optimizer", {"adam"}};
  parameters[7].condition =
      Condition{"layers", {std::int64_t{2}, std::int64_t{3}, std::int64_t{4}}};
  return parameters;
}

Parameters tabular_parameters() {
  const auto listed = [](std::string name, std::vector<double> values, bool is_whole) {
    return Parameter{.name = std::move(name),
                     .domain = Numbers{.values = std::move(values), .whole = is_whole}};
  };
  return {listed("learning_rate", {.001, .003, .01, .03, .1}, false),
          listed("batch_size", {16, 64, 256}, true), listed("width", {8, 32, 128}, true),
          choice("optimizer", {"sgd", "momentum", "adam"})};
}

// The error after the last epoch of each run.
class Table {
 public:
  explicit Table(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
      if (line.starts_with("#") || line.starts_with("learning_rate")) continue;
      std::istringstream cells(line);
      std::array<std::string, 4> cell;
      for (std::string& text : cell) std::getline(cells, text, ',');
      errors_[{std::stod(cell[0]), std::stod(cell[1]), std::stod(cell[2]), cell[3]}] =
          std::stod(line.substr(line.rfind(',') + 1));
    }
    if (errors_.empty()) {
      std::fprintf(stderr, "search_quality: %s has no runs\n", path.c_str());
      std::exit(2);
    }
  }
  double operator()(const Assignment& a) const {
    return errors_.at({number(a, "learning_rate"), number(a, "batch_size"), number(a, "width"),
                       word(a, "optimizer")});
  }

 private:
  std::map<std::tuple<double, double, double, std::string>, double> errors_;
};

}  // namespace

std::vector<TestObjective> test_objectives(const std::string& table) {
  Parameters plane = reals(2, -5, 10);
  plane[1].domain = Range{.low = 0, .high = 15};
  return {{"branin", plane, branin},
          {"hartmann6", reals(6, 0, 1), hartmann6},
          {"ackley10", reals(10, -5, 10), ackley10},
          {"rosenbrock10", reals(10, -5, 10), rosenbrock10},
          {"conditional", conditional_parameters(), conditional},
          {"tabular", tabular_parameters(), Table(table)}};
}

}  // namespace dl::bench
