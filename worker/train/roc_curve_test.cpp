#include "worker/train/roc_curve.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "worker/train/data/random.h"

using namespace dl::worker::train;

TEST_CASE("the area under a ROC curve is the share of pairs in the right order", "[evaluate]") {
  Random random(7);
  std::vector<float> scores;
  std::vector<std::int64_t> classes;
  for (int i = 0; i < 300; ++i) {
    classes.push_back(static_cast<std::int64_t>(random.below(3) == 0));
    const float shift = classes.back() == 1 ? 0.2f : 0.0f;
    scores.push_back(std::clamp(0.4f + 0.4f * random.symmetric() + shift, 0.0f, 1.0f));
  }
  double won = 0;
  double pairs = 0;
  for (std::size_t one = 0; one < scores.size(); ++one) {
    for (std::size_t zero = 0; zero < scores.size(); ++zero) {
      if (classes[one] != 1 || classes[zero] != 0) continue;
      pairs += 1;
      won += scores[one] > scores[zero] ? 1.0 : scores[one] == scores[zero] ? 0.5 : 0.0;
    }
  }
  RocCurve whole;
  whole.add(scores, classes);
  CHECK(whole.area() == Approx(won / pairs).margin(1e-3));

  RocCurve first;
  RocCurve second;
  first.add({scores.data(), 100}, {classes.data(), 100});
  second.add({scores.data() + 100, 200}, {classes.data() + 100, 200});
  std::vector<double> sum = first.counts();
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += second.counts()[i];
  CHECK(RocCurve(sum).area() == whole.area());
}

TEST_CASE("the area is a half where there is nothing to compare", "[evaluate]") {
  RocCurve curve;
  CHECK(curve.area() == 0.5);
  const std::vector<float> scores = {0.0f, 1.0f, std::nanf("")};
  const std::vector<std::int64_t> ones = {1, 1, 1};
  curve.add(scores, ones);
  CHECK(curve.area() == 0.5);
}
