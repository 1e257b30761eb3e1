#include "cmd/dlctl/terminal/progress_line.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/time.h"
#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

std::string percent(double fraction) {
  return std::to_string(static_cast<int>(std::floor(fraction * 100))) + "%";
}

std::string short_eta(double seconds) {
  const auto whole = std::max<std::int64_t>(1, std::llround(seconds));
  // Seconds of a wait of more than ten minutes are noise.
  const auto rounded = whole >= 600 ? (whole + 30) / 60 * 60 : whole;
  return to_short_string(std::chrono::seconds(rounded));
}

std::string of_total(std::uint64_t done, std::uint64_t total) {
  return total == 0 ? with_commas(done) : with_commas(done) + "/" + with_commas(total);
}

// A part of the line; the one with the highest `drop` goes first, 0 never goes.
struct Part {
  std::string text;
  int drop = 0;
};

std::vector<Part> parts_of(const ProgressView& p) {
  std::vector<Part> parts;
  if (p.epochs > 0) {
    const auto current = std::min(p.epoch + 1, p.epochs);
    parts.push_back({"epoch " + std::to_string(current) + "/" + std::to_string(p.epochs), 1});
  }
  if (p.step > 0) {
    parts.push_back({"step " + of_total(p.step, p.steps), 4});
    parts.push_back({"loss " + short_number(p.loss), 2});
  }
  if (p.per_second > 0) {
    const auto rate = p.per_second >= 100
                          ? with_commas(static_cast<std::uint64_t>(std::llround(p.per_second)))
                          : short_number(p.per_second, 3);
    parts.push_back({rate + " " + p.unit + "/s", 3});
  }
  if (p.eta_seconds > 0) parts.push_back({short_eta(p.eta_seconds) + " left", 0});
  return parts;
}

std::string joined(const std::string& head, const std::vector<Part>& parts) {
  std::string text = head;
  for (const auto& part : parts) text += (text.empty() ? "" : "  ") + part.text;
  return text;
}

}  // namespace

std::optional<double> fraction_of(const ProgressView& p) {
  if (p.steps > 0) {
    return std::min(1.0, static_cast<double>(p.step) / static_cast<double>(p.steps));
  }
  if (p.epochs > 0) {
    return std::min(1.0, static_cast<double>(p.epoch) / static_cast<double>(p.epochs));
  }
  return std::nullopt;
}

std::string bar(double fraction, std::size_t cells, bool unicode) {
  const double inside = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(cells);
  // A full bar means done, so all but the end is rounded down.
  const auto full = static_cast<std::size_t>(inside);
  std::string text = unicode ? "" : "[";
  for (std::size_t i = 0; i < cells; ++i) {
    if (unicode) {
      text += i < full ? "█" : "░";
    } else {
      text += i < full ? '#' : '.';
    }
  }
  return unicode ? text : text + "]";
}

std::string progress_cell(const ProgressView& progress, bool unicode) {
  const auto fraction = fraction_of(progress);
  if (!fraction) return progress.step > 0 ? "step " + with_commas(progress.step) : "";
  std::string text = bar(*fraction, 10, unicode) + " " + percent(*fraction);
  if (progress.eta_seconds > 0) text += " " + short_eta(progress.eta_seconds);
  return text;
}

std::string progress_line(const ProgressView& progress, const Terminal& terminal) {
  const auto fraction = fraction_of(progress);
  const auto head = [&](std::size_t cells) {
    if (!fraction) return std::string();
    return bar(*fraction, cells, terminal.unicode) + " " + pad_left(percent(*fraction), 4);
  };
  auto parts = parts_of(progress);
  for (const std::size_t cells : {20, 10}) {
    const std::string line = joined(head(cells), parts);
    if (terminal.width == 0 || display_width(line) <= terminal.width) return line;
  }
  std::string line = joined(head(10), parts);
  while (display_width(line) > terminal.width) {
    const auto least = std::max_element(
        parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.drop < b.drop; });
    if (least == parts.end() || least->drop == 0) break;
    parts.erase(least);
    line = joined(head(10), parts);
  }
  return cut(line, terminal.width, terminal.unicode);
}

}  // namespace dl::dlctl
