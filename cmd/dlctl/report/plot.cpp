#include "cmd/dlctl/report/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

constexpr double kTop = 10;
constexpr double kRight = 12;
constexpr double kBottom = 38;
constexpr double kCharacter = 6.4;  // Of a label, about.

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + coordinate(value) + "\"";
}

std::string text_element(double x, double y, std::string_view style, std::string_view text) {
  return "<text" + attribute("x", x) + attribute("y", y) + " class=\"" + std::string(style) +
         "\">" + escaped(text) + "</text>";
}

std::string hinted(const std::string& element, const std::string& tag, std::string_view hint) {
  if (hint.empty()) return element + "/>";
  return element + "><title>" + escaped(hint) + "</title></" + tag + ">";
}

// 1, 2 or 5 times a power of ten, the first that is not below.
double round_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (value <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<Tick> decades(const PlotAxis& axis, int count) {
  std::vector<Tick> ticks;
  const int first = static_cast<int>(std::ceil(std::log10(axis.low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(axis.high) + 1e-9));
  const int step = std::max(1, (last - first + count) / count);
  for (int k = first; k <= last; k += step)
    ticks.push_back({std::pow(10, k), tick_text(std::pow(10, k))});
  return ticks;
}

std::vector<Tick> shown_ticks(const PlotAxis& axis, int count) {
  return axis.ticks.empty() ? round_ticks(axis, count) : axis.ticks;
}

double left_margin(const PlotAxis& y) {
  std::size_t longest = 3;
  for (const Tick& tick : shown_ticks(y, 5)) longest = std::max(longest, display_width(tick.label));
  return 14 + kCharacter * static_cast<double>(longest);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : one_line(text)) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '"') {
      result += "&quot;";
    } else {
      result += c;
    }
  }
  return result;
}

std::string coordinate(double value) {
  std::string text = fixed(value, 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string tick_text(double value) {
  if (value != 0 && (std::abs(value) < 1e-3 || std::abs(value) >= 1e6)) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2g", value);
    return text.data();
  }
  return short_number(value, 5);
}

double PlotAxis::share(double value) const {
  if (!(high > low)) return 0.5;
  if (!log) return (value - low) / (high - low);
  return std::log(value / low) / std::log(high / low);
}

PlotAxis axis_over(std::string label, std::span<const double> values, bool log) {
  PlotAxis axis{.label = std::move(label)};
  bool any = false;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    axis.low = any ? std::min(axis.low, value) : value;
    axis.high = any ? std::max(axis.high, value) : value;
    any = true;
  }
  if (!any) return axis;
  axis.log = log && axis.low > 0;
  if (axis.high <= axis.low) {
    const double around = axis.low == 0 ? 1 : std::abs(axis.low) / 2;
    axis.low -= around;
    axis.high += around;
  } else if (axis.log) {
    const double margin = std::pow(axis.high / axis.low, 0.04);
    axis.low /= margin;
    axis.high *= margin;
  } else {
    const double margin = 0.04 * (axis.high - axis.low);
    axis.low -= margin;
    axis.high += margin;
  }
  return axis;
}

std::vector<Tick> round_ticks(const PlotAxis& axis, int count) {
  if (axis.log) {
    auto ticks = decades(axis, count);
    if (ticks.size() >= 2) return ticks;
  }
  // Rounding up makes fewer of them, so more are asked for.
  const double step = round_up((axis.high - axis.low) / (1.4 * count));
  std::vector<Tick> ticks;
  for (double k = std::ceil(axis.low / step - 1e-9); k * step <= axis.high + 1e-9 * step; ++k)
    ticks.push_back({k * step, tick_text(k == 0 ? 0 : k * step)});
  return ticks;
}

std::string svg_element(double width, double height, std::string_view title,
                        std::string_view content) {
  return "<svg viewBox=\"0 0 " + coordinate(width) + " " + coordinate(height) +
         "\" role=\"img\" aria-label=\"" + escaped(title) + "\">" + std::string(content) +
         "</svg>\n";
}

Plot::Plot(double width, double height, PlotAxis x, PlotAxis y, std::string title)
    : width_(width),
      height_(height),
      left_(left_margin(y)),
      x_(std::move(x)),
      y_(std::move(y)),
      title_(std::move(title)) {}

double Plot::x_of(double value) const {
  return left_ + x_.share(value) * (width_ - left_ - kRight);
}

double Plot::y_of(double value) const {
  return kTop + (1 - y_.share(value)) * (height_ - kTop - kBottom);
}

void Plot::line(std::span<const PlotPoint> points, std::string_view style, std::string_view hint) {
  std::string path;
  for (const PlotPoint& point : points) {
    const double x = x_of(point.x), y = y_of(point.y);
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    path += (path.empty() ? "M" : "L") + coordinate(x) + " " + coordinate(y);
  }
  if (path.empty()) return;
  marks_ +=
      hinted("<path d=\"" + path + "\" class=\"line " + std::string(style) + "\"", "path", hint);
}

void Plot::stairs(std::span<const PlotPoint> points, std::string_view style,
                  std::string_view hint) {
  std::vector<PlotPoint> corners;
  for (const PlotPoint& point : points) {
    if (!corners.empty()) corners.push_back({point.x, corners.back().y});
    corners.push_back(point);
  }
  line(corners, style, hint);
}

void Plot::dot(PlotPoint point, double radius, std::string_view style, std::string_view hint) {
  const double x = x_of(point.x), y = y_of(point.y);
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  marks_ += hinted("<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) +
                       " class=\"dot " + std::string(style) + "\"",
                   "circle", hint);
}

std::string Plot::axes() const {
  const double bottom = height_ - kBottom, right = width_ - kRight;
  std::string text;
  const auto rule = [&](double x1, double y1, double x2, double y2) {
    text += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
            attribute("y2", y2) + " class=\"grid\"/>";
  };
  for (const Tick& tick : shown_ticks(y_, 5)) {
    const double y = y_of(tick.at);
    rule(left_, y, right, y);
    text += text_element(left_ - 6, y + 4, "tick end", tick.label);
  }
  for (const Tick& tick : shown_ticks(x_, width_ > 300 ? 6 : 4)) {
    const double x = x_of(tick.at);
    rule(x, bottom, x, bottom + 4);
    text += text_element(x, bottom + 16, "tick middle", tick.label);
  }
  return text + text_element((left_ + right) / 2, height_ - 4, "label middle", x_.label);
}

std::string Plot::svg() const { return svg_element(width_, height_, title_, axes() + marks_); }

}  // namespace dl::dlctl
