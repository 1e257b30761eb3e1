// Plot is a picture in SVG: axes with round ticks, lines and dots on them. Colours are classes that
// the page's style gives meaning in light and in dark (page.h).

#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl::dlctl {

// For text and attributes of HTML and SVG; without control characters.
std::string escaped(std::string_view text);

struct Tick {
  double at = 0;
  std::string label;
};

struct PlotAxis {
  std::string label;
  double low = 0;
  double high = 1;
  bool log = false;         // low > 0.
  std::vector<Tick> ticks;  // Empty: round numbers.

  // From 0 at `low` to 1 at `high`.
  double share(double value) const;
};

// An axis over all of `values` that are finite, a little longer than they are; in the logarithm
// where they are positive and `log` asks for it.
PlotAxis axis_over(std::string label, std::span<const double> values, bool log = false);

// Round numbers on the axis, about `count` of them; powers of ten on a logarithmic one.
std::vector<Tick> round_ticks(const PlotAxis& axis, int count);

// Values next to each other, such as 0.001 and 0.0312, as briefly as they are told apart.
std::string tick_text(double value);

struct PlotPoint {
  double x = 0;
  double y = 0;
};

class Plot {
 public:
  // In units of which a phone is about 380 wide. `title` is what a screen reader says.
  Plot(double width, double height, PlotAxis x, PlotAxis y, std::string title);

  // A point outside the axes, or one that is not finite, is left out. `hint` is shown on hovering.
  void line(std::span<const PlotPoint> points, std::string_view style, std::string_view hint = "");
  // As a line that keeps its height until the next point.
  void stairs(std::span<const PlotPoint> points, std::string_view style,
              std::string_view hint = "");
  void dot(PlotPoint point, double radius, std::string_view style, std::string_view hint = "");

  std::string svg() const;

 private:
  double x_of(double value) const;
  double y_of(double value) const;
  std::string axes() const;

  double width_;
  double height_;
  double left_;
  PlotAxis x_;
  PlotAxis y_;
  std::string title_;
  std::string marks_;
};

// <svg> around `content`, as wide as its place.
std::string svg_element(double width, double height, std::string_view title,
                        std::string_view content);

// Attributes' numbers: at most two digits behind the point.
std::string coordinate(double value);

}  // namespace dl::dlctl
