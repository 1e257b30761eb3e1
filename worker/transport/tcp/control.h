// The half of a link that carries no data: signs of life, and the notice with which a rank leaves.
//
// A rank that waits shows a sign of life, one byte, ten times a second. Nobody has to answer, or
// even to run: the peer's kernel acknowledges the byte, and where none does in time the kernel here
// ends the connection. So a host that lost its power or its cable is found out within a second,
// while a process that computes, or is stopped, is left in peace.

#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "worker/transport/departure.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::tcp {

inline constexpr std::chrono::milliseconds kSignInterval{100};
// Of the peer's kernel, counted from the first retransmission after a time-out, which is 0.2 to
// 0.4 s after the sign that nobody acknowledged.
inline constexpr std::chrono::milliseconds kSilenceMax{400};
// A peer that shows none itself does not wait, and may leave them in its kernel, which must not
// become full of them: then it would be taken for dead.
inline constexpr int kSignsUnansweredMax = 1000;

class Control {
 public:
  Control() = default;
  explicit Control(Socket socket);

  int fd() const { return socket_.fd(); }
  bool open() const { return socket_.open(); }

  void show_sign_of_life();

  // Puts the notice on the link and ends this side of it.
  void part(const Departure& departure) const;

  // Takes what has come. How the peer left, once it has; never waits.
  const std::optional<Departure>& listen();
  // The same once the peer's data has ended: its notice may be a little behind.
  const Departure& await_departure();

  const std::optional<Departure>& departure() const { return departure_; }
  // Of the connection, when it ended by one; else 0.
  int errnum() const { return errnum_; }

 private:
  void take(std::span<const std::byte> bytes);

  Socket socket_;
  Notice notice_{};
  int signs_unanswered_ = 0;
  std::size_t notice_bytes_ = 0;  // How much of it has come.
  std::optional<Departure> departure_;
  int errnum_ = 0;
};

}  // namespace dl::worker::transport::tcp
