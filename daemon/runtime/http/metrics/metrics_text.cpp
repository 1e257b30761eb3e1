#include "daemon/runtime/http/metrics/metrics_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/assert.h"

namespace dl::runtime::http {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  DL_ASSERT(error == std::errc{}, "the shortest form of a double has at most 24 characters");
  return {text.data(), end};
}

std::string escaped(std::string_view text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\\' || (quotes && c == '"')) result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  text_ += "# HELP " + std::string(name) + " " + escaped(help, false) + "\n# TYPE " +
           std::string(name) + " " + std::string(type) + "\n";
}

void MetricsText::sample(std::string_view name, const Labels& labels, double value) {
  text_ += name;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    text_ += (i == 0 ? "{" : ",") + labels[i].first + "=\"" + escaped(labels[i].second, true) +
             "\"" + (i + 1 == labels.size() ? "}" : "");
  }
  text_ += " " + number(value) + "\n";
}

void MetricsText::counter(std::string_view name, std::string_view help, double value) {
  family(name, "counter", help);
  sample(name, {}, value);
}

void MetricsText::gauge(std::string_view name, std::string_view help, double value) {
  family(name, "gauge", help);
  sample(name, {}, value);
}

void MetricsText::histogram(std::string_view name, std::string_view help,
                            std::span<const double> bounds, std::span<const std::uint64_t> counts,
                            double sum) {
  DL_ASSERT(counts.size() == bounds.size() + 1, "the last count is of what is above all bounds");
  family(name, "histogram", help);
  const std::string base(name);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound = i < bounds.size() ? number(bounds[i]) : "+Inf";
    sample(base + "_bucket", {{"le", bound}}, static_cast<double>(total));
  }
  sample(base + "_sum", {}, sum);
  sample(base + "_count", {}, static_cast<double>(total));
}

}  // namespace dl::runtime::http
