#include "daemon/runtime/http/rest/sse.h"

namespace dl::runtime::http {
namespace {

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n' && c != '\r' && c != '\0') line += c;
  }
  return line;
}

}  // namespace

std::string to_frame(const SseEvent& event) {
  std::string frame;
  if (!event.id.empty()) frame += "id: " + one_line(event.id) + "\n";
  if (!event.type.empty()) frame += "event: " + one_line(event.type) + "\n";
  // \n, \r\n and \r all end a line of the stream, so each begins a new data line.
  std::string_view rest = event.data;
  while (true) {
    const std::size_t end = rest.find_first_of("\r\n");
    frame += "data: " + std::string(rest.substr(0, end)) + "\n";
    if (end == rest.npos) break;
    rest.remove_prefix(rest.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  return frame + "\n";
}

}  // namespace dl::runtime::http
