#include "model/spec/dialect/native_job.h"

#include <algorithm>

#include "model/spec/build.h"
#include "model/spec/native/read.h"
#include "model/spec/substitute.h"

namespace dl::spec {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

}  // namespace

Node NativeJob::empty() { return map(); }

void NativeJob::set(std::string_view path, Node value, const Mark& mark) {
  if (value.mark.line == 0) value.mark = mark;
  set_path(root_, path, std::move(value), mark);
}

void NativeJob::copy(Fields& from, std::string_view name, std::string_view path) {
  if (const Entry* entry = from.take(name)) set(path, unquoted(entry->value), entry->mark);
}

bool NativeJob::has(std::string_view path) const {
  return native::find_entry(root_, path) != nullptr;
}

void NativeJob::set_name(std::string_view name, const Mark& mark) {
  std::string ours;
  for (const char c : name.substr(0, 63)) ours += is_name_character(c) ? c : '-';
  ours.erase(0, ours.find_first_not_of("._-"));
  if (!ours.empty()) set("name", text(ours), mark);
}

void NativeJob::set_env(std::string_view name, std::string_view value, const Mark& mark) {
  if (env_.entries.empty()) env_mark_ = mark;
  Entry* entry = env_.find(name);
  if (entry == nullptr) {
    put(env_, name, text(value), mark);
  } else {
    entry->value.text = value;
  }
}

void NativeJob::add_parameter(std::string_view name, Node value, const Mark& mark) {
  if (parameters_.entries.empty()) parameters_mark_ = mark;
  if (const Entry* earlier = parameters_.find(name)) {
    findings_.problems.add(mark, "search.parameters." + std::string(name),
                           "stands twice, first in line " + std::to_string(earlier->mark.line) +
                               "; remove one of them");
    return;
  }
  value.flow = true;
  put(parameters_, name, std::move(value), mark);
}

void NativeJob::add_refused(std::string_view name, const Mark& mark) {
  add_parameter(name, text("refused"), mark);
  findings_.problems.excuse("search.parameters." + std::string(name));
}

Node NativeJob::finish(const Mark& mark) {
  if (!env_.entries.empty()) set("env", std::move(env_), env_mark_);
  if (!parameters_.entries.empty())
    set("search.parameters", std::move(parameters_), parameters_mark_);
  root_.mark = mark;
  return std::move(root_);
}

Node range_of(std::string_view word, const Node& low, const Node& high) {
  Node node = map();
  Node ends = list({unquoted(low), unquoted(high)});
  ends.mark = low.mark;
  put(node, word, std::move(ends), low.mark);
  node.mark = low.mark;
  return node;
}

std::string command_word(std::string_view word) {
  std::string out;
  std::size_t done = 0;
  const auto quote_until = [&](std::size_t end) {
    if (end > done) out += shell_quoted(word.substr(done, end - done));
    done = end;
  };
  for (const Use& use : find_uses(word, TextKind::kEnvironment)) {
    quote_until(use.offset);
    out += "${" + use.name + "}";
    done = use.offset + use.name.size() + 3;
  }
  quote_until(word.size());
  return out.empty() ? "''" : out;
}

std::string command_line(std::span<const std::string> words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + command_word(word);
  return line;
}

}  // namespace dl::spec
