// A metric's course as a small picture of characters.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

struct CurvePoint {
  double x = 0;
  double y = 0;
};

// Lines of at most `width` columns and `height` rows and a line for the x axis; the greatest and
// the least value stand left, the first and the last x below. Braille dots, or asterisks without
// Unicode. Values that are not finite are left out; without any other there is no picture: "".
std::string curve(std::span<const CurvePoint> points, std::size_t width, std::size_t height,
                  bool unicode);

struct NamedCurve {
  std::string name;
  std::vector<CurvePoint> points;
};

// The same of several curves on the same axes, with a line for each one's name: in colours, and
// where there are none each with a mark of its own.
std::string curves(std::span<const NamedCurve> curves, std::size_t width, std::size_t height,
                   const Terminal& terminal);

}  // namespace dl::dlctl
