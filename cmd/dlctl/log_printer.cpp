#include "cmd/dlctl/log_printer.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

constexpr std::array<Style, 5> kTaskStyles = {Style::kCyan, Style::kYellow, Style::kGreen,
                                              Style::kMagenta, Style::kBlue};

// A line without an end must not take all memory.
constexpr std::size_t kLineBytesMax = 1u << 20;

// JSON is UTF-8; a program's output may be anything.
std::string as_utf8(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xf0 && first < 0xf5 ? 4
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xc2 && first < 0xe0 ? 2
                                                               : 0;
    bool valid = length > 0 && i + length <= text.size();
    for (std::size_t k = 1; valid && k < length; ++k) {
      valid = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    }
    result += valid ? text.substr(i, length) : std::string_view("\xef\xbf\xbd");
    i += valid ? length : 1;
  }
  return result;
}

}  // namespace

void LogPrinter::add(const std::string& task, std::uint32_t attempt, std::uint64_t offset,
                     std::string_view data) {
  const Key key{task, attempt};
  Log& log = logs_[key];
  if (!std::exchange(log.begun, true)) log.end = offset;
  if (offset < log.end) data.remove_prefix(std::min<std::uint64_t>(data.size(), log.end - offset));
  log.end = std::max(log.end, offset + data.size());
  while (!data.empty()) {
    const auto newline = data.find('\n');
    log.partial += data.substr(0, newline);
    if (newline == std::string_view::npos) {
      if (log.partial.size() > kLineBytesMax) write_line(key, std::exchange(log.partial, ""));
      break;
    }
    write_line(key, std::exchange(log.partial, ""));
    data.remove_prefix(newline + 1);
  }
  out_ << std::flush;
}

void LogPrinter::flush() {
  for (auto& [key, log] : logs_) {
    if (!log.partial.empty()) write_line(key, std::exchange(log.partial, ""));
  }
  out_ << std::flush;
}

void LogPrinter::write_line(const Key& key, std::string_view line) {
  switch (format_) {
    case LogFormat::kPlain: out_ << line << '\n'; return;
    case LogFormat::kPrefixed: out_ << prefix(key.first) << line << '\n'; return;
    case LogFormat::kJson:
      out_ << boost::json::serialize(boost::json::object{
                  {"task", key.first}, {"attempt", key.second}, {"line", as_utf8(line)}})
           << '\n';
      return;
  }
}

std::string LogPrinter::prefix(const std::string& task) {
  const auto number = colors_.emplace(task, colors_.size()).first->second;
  prefix_width_ = std::max(prefix_width_, display_width(task));
  return styled(pad_right(task, prefix_width_) + " |", kTaskStyles[number % kTaskStyles.size()],
                color_) +
         " ";
}

}  // namespace dl::dlctl
