// A metric's course as a small picture of characters.

#pragma once

#include <span>
#include <string>

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

}  // namespace dl::dlctl
