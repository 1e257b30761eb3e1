// The path of an HTTP rule: "/v1/jobs/{job}:cancel".
//
// A segment is a word or, in braces, a field of the request; after the last one may stand a custom
// verb. In a request's path only a bare ':' in the last segment begins a verb: a value with a colon
// is written with %3A. So no value can ever be taken for another method.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace dl::runtime::http {

class PathTemplate {
 public:
  static Result<PathTemplate> parse(std::string_view text);

  // Field names and raw (still escaped) values, in the order of the path.
  using Values = std::vector<std::pair<std::string, std::string>>;

  // The values in `path`, the target before its '?'; nothing when it is another path. A value is
  // never empty.
  std::optional<Values> match(std::string_view path) const;

  const std::string& text() const { return text_; }
  std::vector<std::string> fields() const;
  // True when some path would match both.
  bool overlaps(const PathTemplate& other) const;

 private:
  struct Segment {
    std::string text;  // The word, or the field's name.
    bool is_field = false;
  };

  std::string text_;
  std::vector<Segment> segments_;
  std::string verb_;
};

}  // namespace dl::runtime::http
