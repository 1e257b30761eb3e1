#include "worker/transport/tcp/control.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace dl::worker::transport::tcp {
namespace {

// No notice begins with it.
constexpr std::byte kSignOfLife{0};
// The two connections of a link end one after the other, on their own ways through the network.
constexpr std::chrono::milliseconds kNoticeWait{200};

}  // namespace

Control::Control(Socket socket) : socket_(std::move(socket)) {
  const auto silence = static_cast<unsigned>(kSilenceMax.count());
  // A kernel without it finds out by keepalive, later.
  (void)::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof(silence));
}

void Control::show_sign_of_life() {
  if (signs_unanswered_ == kSignsUnansweredMax) return;
  ++signs_unanswered_;
  (void)!::send(socket_.fd(), &kSignOfLife, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Control::part(const Departure& departure) const {
  const Notice notice = encode_notice(departure);
  (void)!::send(socket_.fd(), notice.data(), notice.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(socket_.fd(), SHUT_WR);
}

const std::optional<Departure>& Control::listen() {
  while (!departure_) {
    std::array<std::byte, 64> bytes;
    const ssize_t n = ::recv(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) break;
    if (n < 0) errnum_ = errno;
    if (n <= 0) {
      departure_ = Departure{.kind = DepartureKind::kLost};
    } else {
      take(std::span(bytes).first(static_cast<std::size_t>(n)));
    }
  }
  return departure_;
}

void Control::take(std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    if (notice_bytes_ == 0 && byte == kSignOfLife) {
      signs_unanswered_ = 0;
      continue;
    }
    notice_[notice_bytes_++] = byte;
    if (notice_bytes_ == notice_.size()) {
      departure_ = decode_notice(notice_);
      return;
    }
  }
}

const Departure& Control::await_departure() {
  const auto until = std::chrono::steady_clock::now() + kNoticeWait;
  while (!listen()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd entry{socket_.fd(), POLLIN, 0};
    if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) == 0) break;
  }
  if (!departure_) departure_ = Departure{.kind = DepartureKind::kLost};
  return *departure_;
}

}  // namespace dl::worker::transport::tcp
