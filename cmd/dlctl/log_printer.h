// LogPrinter turns chunks of several tasks' logs into whole lines, each with its task's name, so
// that tasks never write into each other's lines.

#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

enum class LogFormat { kPlain, kPrefixed, kJson };

class LogPrinter {
 public:
  LogPrinter(std::ostream& out, LogFormat format, bool color)
      : out_(out), format_(format), color_(color) {}

  // `offset` is that of data[0] in the log of this task and attempt. What was there before is not
  // written again, so that a stream may be read once more after it broke off.
  void add(const std::string& task, std::uint32_t attempt, std::uint64_t offset,
           std::string_view data);
  // Writes lines that have no line end yet.
  void flush();

 private:
  using Key = std::pair<std::string, std::uint32_t>;  // Task, attempt.
  struct Log {
    std::uint64_t end = 0;  // Offset of what comes next.
    bool begun = false;
    std::string partial;
  };

  void write_line(const Key& key, std::string_view line);
  std::string prefix(const std::string& task);

  std::ostream& out_;
  LogFormat format_;
  bool color_;
  std::map<Key, Log> logs_;
  std::map<std::string, std::size_t> colors_;  // In the order in which tasks first wrote.
  std::size_t prefix_width_ = 0;
};

}  // namespace dl::dlctl
