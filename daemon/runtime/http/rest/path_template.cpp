#include "daemon/runtime/http/rest/path_template.h"

namespace dl::runtime::http {
namespace {

// "/v1/jobs" → {"v1", "jobs"}. An empty piece stays: "//" is not "/".
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> pieces;
  path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    pieces.push_back(path.substr(0, slash));
    if (slash == path.npos) return pieces;
    path.remove_prefix(slash + 1);
  }
}

// Takes ":verb" off the end of the last piece and returns the verb.
std::string_view take_verb(std::string_view& last) {
  const std::size_t colon = last.find(':');
  if (colon == last.npos) return {};
  const std::string_view verb = last.substr(colon + 1);
  last = last.substr(0, colon);
  return verb;
}

}  // namespace

Result<PathTemplate> PathTemplate::parse(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return invalid_argument("the path \"" + std::string(text) + "\" " + std::string(why));
  };
  if (!text.starts_with("/")) return wrong("does not begin with /");
  PathTemplate result;
  result.text_ = text;
  std::vector<std::string_view> pieces = split(text);
  result.verb_ = take_verb(pieces.back());
  for (const std::string_view piece : pieces) {
    if (piece.empty()) return wrong("has an empty segment");
    const bool is_field = piece.front() == '{' && piece.back() == '}' && piece.size() > 2;
    const std::string_view name = is_field ? piece.substr(1, piece.size() - 2) : piece;
    if (name.find_first_of("{}*:=%") != name.npos) return wrong("has a segment of unknown form");
    result.segments_.push_back({std::string(name), is_field});
  }
  return result;
}

std::optional<PathTemplate::Values> PathTemplate::match(std::string_view path) const {
  if (!path.starts_with("/")) return std::nullopt;
  std::vector<std::string_view> pieces = split(path);
  if (pieces.size() != segments_.size()) return std::nullopt;
  if (take_verb(pieces.back()) != verb_) return std::nullopt;
  Values values;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Segment& segment = segments_[i];
    if (pieces[i].empty() || (!segment.is_field && pieces[i] != segment.text)) return std::nullopt;
    if (segment.is_field) values.emplace_back(segment.text, std::string(pieces[i]));
  }
  return values;
}

std::vector<std::string> PathTemplate::fields() const {
  std::vector<std::string> fields;
  for (const Segment& segment : segments_) {
    if (segment.is_field) fields.push_back(segment.text);
  }
  return fields;
}

bool PathTemplate::overlaps(const PathTemplate& other) const {
  if (verb_ != other.verb_ || segments_.size() != other.segments_.size()) return false;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& a = segments_[i];
    const Segment& b = other.segments_[i];
    if (!a.is_field && !b.is_field && a.text != b.text) return false;
  }
  return true;
}

}  // namespace dl::runtime::http
