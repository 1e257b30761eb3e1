// Server-sent events (the HTML standard's text/event-stream), as text.

#pragma once

#include <string>
#include <string_view>

namespace dl::runtime::http {

inline constexpr std::string_view kEventStreamType = "text/event-stream";

struct SseEvent {
  std::string id;    // Empty: none; a client's Last-Event-ID stays what it was.
  std::string type;  // Empty: "message", the standard's default.
  std::string data;  // Lines are kept: a client gets the same text back.
};

// The event's frame. Line breaks and zero bytes in `id` and `type` would end the line early and are
// left out.
std::string to_frame(const SseEvent& event);

// A comment that keeps the connection awake and that clients skip.
inline constexpr std::string_view kHeartbeatFrame = ": still here\n\n";

}  // namespace dl::runtime::http
