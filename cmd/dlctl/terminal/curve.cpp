#include "cmd/dlctl/terminal/curve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

constexpr std::array<Style, 6> kColors = {Style::kCyan,  Style::kYellow, Style::kMagenta,
                                          Style::kGreen, Style::kBlue,   Style::kRed};
constexpr std::string_view kMarks = "*+ox#@";

// How dots become characters: Braille has 2 × 4 of them in each, marks have one.
struct Ink {
  bool braille = false;
  bool color = false;
};

// A grid of dots. A character has the colour or the mark of the curve that was drawn last in it.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows, Ink ink)
      : ink_(ink), columns_(columns), cells_(columns * rows) {}

  std::size_t dots_x() const { return columns_ * (ink_.braille ? 2 : 1); }
  std::size_t dots_y() const { return cells_.size() / columns_ * (ink_.braille ? 4 : 1); }

  void set(std::size_t x, std::size_t y, std::size_t curve) {
    constexpr std::array<std::array<unsigned char, 2>, 4> kDots = {
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    const std::size_t at = ink_.braille ? y / 4 * columns_ + x / 2 : y * columns_ + x;
    cells_[at].dots |= ink_.braille ? kDots[y % 4][x % 2] : 1;
    cells_[at].curve = curve;
  }

  std::string row(std::size_t r) const {
    const auto begin = cells_.begin() + static_cast<std::ptrdiff_t>(r * columns_);
    auto end = begin + static_cast<std::ptrdiff_t>(columns_);
    while (end != begin && (end - 1)->dots == 0) --end;
    std::string text;
    for (auto cell = begin; cell != end;) {
      // Characters of one curve share their escape sequences.
      std::string run;
      auto last = cell;
      for (; last != end && (last->dots == 0 || last->curve == cell->curve); ++last)
        run += character(*last);
      text += styled(run, kColors[cell->curve % kColors.size()], ink_.color);
      cell = last;
    }
    return text;
  }

 private:
  struct Cell {
    unsigned char dots = 0;
    std::size_t curve = 0;
  };

  std::string character(const Cell& cell) const {
    if (cell.dots == 0) return " ";
    if (!ink_.braille) return {kMarks[cell.curve % kMarks.size()]};
    // U+2800 + dots, in UTF-8.
    return {'\xe2', static_cast<char>(0xa0 | (cell.dots >> 6)),
            static_cast<char>(0x80 | (cell.dots & 0x3f))};
  }

  Ink ink_;
  std::size_t columns_;
  std::vector<Cell> cells_;
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
void draw(Canvas& canvas, std::size_t curve, const std::vector<CurvePoint>& points, Range xs,
          Range ys) {
  const auto place = [&](const CurvePoint& p) {
    return std::pair(xs.position(p.x, canvas.dots_x()),
                     canvas.dots_y() - 1 - ys.position(p.y, canvas.dots_y()));
  };
  auto [x, y] = place(points.front());
  canvas.set(x, y, curve);
  for (const auto& point : points) {
    const auto [to_x, to_y] = place(point);
    const auto dx = static_cast<double>(to_x) - static_cast<double>(x);
    const auto dy = static_cast<double>(to_y) - static_cast<double>(y);
    const double steps = std::max({std::abs(dx), std::abs(dy), 1.0});
    for (double s = 1; s <= steps; ++s) {
      canvas.set(static_cast<std::size_t>(std::lround(static_cast<double>(x) + dx * s / steps)),
                 static_cast<std::size_t>(std::lround(static_cast<double>(y) + dy * s / steps)),
                 curve);
    }
    x = to_x;
    y = to_y;
  }
}

std::vector<CurvePoint> finite(std::span<const CurvePoint> points) {
  std::vector<CurvePoint> kept;
  for (const auto& p : points) {
    if (std::isfinite(p.x) && std::isfinite(p.y)) kept.push_back(p);
  }
  return kept;
}

// Curves of finite points, none of them empty.
std::string picture(std::span<const std::vector<CurvePoint>> curves, std::size_t width,
                    std::size_t height, Terminal terminal) {
  const auto by = [&](auto member) {
    Range range{curves.front().front().*member, curves.front().front().*member};
    for (const auto& points : curves) {
      for (const auto& point : points) {
        range.low = std::min(range.low, point.*member);
        range.high = std::max(range.high, point.*member);
      }
    }
    return range;
  };
  const Range xs = by(&CurvePoint::x);
  const Range ys = by(&CurvePoint::y);
  const std::string top = short_number(ys.high);
  const std::string bottom = short_number(ys.low);
  const std::size_t margin = std::max(top.size(), bottom.size());
  const std::size_t columns = width > margin + 12 ? width - margin - 2 : 10;
  const bool several = curves.size() > 1;
  Canvas canvas(columns, height,
                {.braille = terminal.unicode && (terminal.color || !several),
                 .color = terminal.color && several});
  for (std::size_t c = 0; c < curves.size(); ++c) draw(canvas, c, curves[c], xs, ys);
  std::string text;
  for (std::size_t r = 0; r < height; ++r) {
    const std::string label = r == 0 ? top : r + 1 == height ? bottom : "";
    text += pad_left(label, margin) + (terminal.unicode ? " ┤" : " |") + canvas.row(r) + '\n';
  }
  const std::string first = short_number(xs.low, 9);
  const std::string last = short_number(xs.high, 9);
  text += std::string(margin + 2, ' ') + first;
  return text + pad_left(last, columns - std::min(columns - 1, first.size())) + '\n';
}

}  // namespace

std::string curve(std::span<const CurvePoint> points, std::size_t width, std::size_t height,
                  bool unicode) {
  const std::vector<CurvePoint> kept = finite(points);
  if (kept.empty()) return "";
  return picture(std::span(&kept, 1), width, height, {.unicode = unicode});
}

std::string curves(std::span<const NamedCurve> curves, std::size_t width, std::size_t height,
                   const Terminal& terminal) {
  std::vector<std::vector<CurvePoint>> drawn;
  std::string legend;
  for (const NamedCurve& named : curves) {
    auto points = finite(named.points);
    if (points.empty()) continue;
    const std::size_t at = drawn.size();
    const std::string mark = !terminal.color    ? std::string(1, kMarks[at % kMarks.size()])
                             : terminal.unicode ? "━━"
                                                : "--";
    legend += "  " + styled(mark, kColors[at % kColors.size()], terminal.color) + " " +
              one_line(named.name) + "\n";
    drawn.push_back(std::move(points));
  }
  if (drawn.empty()) return "";
  return picture(drawn, width, height, terminal) + (drawn.size() > 1 ? legend : "");
}

}  // namespace dl::dlctl
