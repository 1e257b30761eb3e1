#include "cmd/dlctl/terminal/curve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

// A grid of dots, so many to a character: 2 × 4 in Braille, 1 × 1 in ASCII.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows, bool unicode)
      : unicode_(unicode), columns_(columns), cells_(columns * rows) {}

  std::size_t dots_x() const { return columns_ * (unicode_ ? 2 : 1); }
  std::size_t dots_y() const { return cells_.size() / columns_ * (unicode_ ? 4 : 1); }

  void set(std::size_t x, std::size_t y) {
    if (!unicode_) {
      cells_[y * columns_ + x] = 1;
      return;
    }
    constexpr std::array<std::array<unsigned char, 2>, 4> kDots = {
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    cells_[y / 4 * columns_ + x / 2] |= kDots[y % 4][x % 2];
  }

  std::string row(std::size_t r) const {
    std::string text;
    for (std::size_t c = 0; c < columns_; ++c) {
      const unsigned char dots = cells_[r * columns_ + c];
      if (!unicode_) {
        text += dots ? '*' : ' ';
      } else if (dots == 0) {
        text += ' ';
      } else {  // U+2800 + dots, in UTF-8.
        text += '\xe2';
        text += static_cast<char>(0xa0 | (dots >> 6));
        text += static_cast<char>(0x80 | (dots & 0x3f));
      }
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  }

 private:
  bool unicode_;
  std::size_t columns_;
  std::vector<unsigned char> cells_;
};

struct Range {
  double low = 0;
  double high = 0;

  // Where `value` is between the ends, in `steps` steps; the middle when there is no extent.
  std::size_t position(double value, std::size_t steps) const {
    if (high <= low) return (steps - 1) / 2;
    return static_cast<std::size_t>(
        std::lround((value - low) / (high - low) * static_cast<double>(steps - 1)));
  }
};

// Neighbouring points are joined, so that a steep course has no holes.
void draw(Canvas& canvas, const std::vector<CurvePoint>& points, Range xs, Range ys) {
  const auto place = [&](const CurvePoint& p) {
    return std::pair(xs.position(p.x, canvas.dots_x()),
                     canvas.dots_y() - 1 - ys.position(p.y, canvas.dots_y()));
  };
  auto [x, y] = place(points.front());
  canvas.set(x, y);
  for (const auto& point : points) {
    const auto [to_x, to_y] = place(point);
    const auto dx = static_cast<double>(to_x) - static_cast<double>(x);
    const auto dy = static_cast<double>(to_y) - static_cast<double>(y);
    const double steps = std::max({std::abs(dx), std::abs(dy), 1.0});
    for (double s = 1; s <= steps; ++s) {
      canvas.set(static_cast<std::size_t>(std::lround(static_cast<double>(x) + dx * s / steps)),
                 static_cast<std::size_t>(std::lround(static_cast<double>(y) + dy * s / steps)));
    }
    x = to_x;
    y = to_y;
  }
}

}  // namespace

std::string curve(std::span<const CurvePoint> points, std::size_t width, std::size_t height,
                  bool unicode) {
  std::vector<CurvePoint> finite;
  for (const auto& p : points) {
    if (std::isfinite(p.x) && std::isfinite(p.y)) finite.push_back(p);
  }
  if (finite.empty()) return "";
  const auto by = [&](auto member) {
    const auto [low, high] = std::minmax_element(
        finite.begin(), finite.end(),
        [&](const CurvePoint& a, const CurvePoint& b) { return a.*member < b.*member; });
    return Range{(*low).*member, (*high).*member};
  };
  const Range xs = by(&CurvePoint::x);
  const Range ys = by(&CurvePoint::y);
  const std::string top = short_number(ys.high);
  const std::string bottom = short_number(ys.low);
  const std::size_t margin = std::max(top.size(), bottom.size());
  const std::size_t columns = width > margin + 12 ? width - margin - 2 : 10;
  Canvas canvas(columns, height, unicode);
  draw(canvas, finite, xs, ys);
  std::string text;
  for (std::size_t r = 0; r < height; ++r) {
    const std::string label = r == 0 ? top : r + 1 == height ? bottom : "";
    text += pad_left(label, margin) + (unicode ? " ┤" : " |") + canvas.row(r) + '\n';
  }
  const std::string first = short_number(xs.low, 9);
  const std::string last = short_number(xs.high, 9);
  text += std::string(margin + 2, ' ') + first;
  return text + pad_left(last, columns - std::min(columns - 1, first.size())) + '\n';
}

}  // namespace dl::dlctl
