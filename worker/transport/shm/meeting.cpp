#include "worker/transport/shm/meeting.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace dl::worker::transport::shm {
namespace {

// A caller that says nothing for this long is no peer, and others wait behind it.
constexpr std::chrono::milliseconds kServeTimeout{5000};

struct Address {
  sockaddr_un bytes{};
  socklen_t length = 0;
};

// A name that begins with a zero byte is in no file system.
Address abstract_address(const std::string& name) {
  Address address;
  address.bytes.sun_family = AF_UNIX;
  DL_ASSERT(name.size() < sizeof(address.bytes.sun_path), "callers keep to kMeetingNameBytes");
  std::memcpy(address.bytes.sun_path + 1, name.data(), name.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.bytes);
}

tcp::Socket unix_socket() {
  return tcp::Socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

std::string random_name() {
  constexpr char kHex[] = "0123456789abcdef";
  std::string name = "dl-worker-" + std::to_string(::getpid()) + "-";
  const Nonce nonce = make_nonce();
  for (std::size_t i = 0; i < 16; ++i) {
    name += kHex[std::to_integer<unsigned>(nonce[i]) >> 4];
    name += kHex[std::to_integer<unsigned>(nonce[i]) & 15];
  }
  return name;
}

bool same_user(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == ::geteuid();
}

// One byte that has a file descriptor with it.
struct DescriptorMessage {
  char byte = 'm';
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};

  DescriptorMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
};

Result<void> send_descriptor(int socket, int descriptor) {
  DescriptorMessage message;
  cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
  if (::sendmsg(socket, &message.header, MSG_NOSIGNAL) != 1) {
    return errno_error("hand over shared memory", errno);
  }
  return {};
}

bool readable(int fd, Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000))) >
         0;
}

}  // namespace

Meeting::Meeting(tcp::Socket listener, std::string name)
    : listener_(std::move(listener)), name_(std::move(name)) {}

Result<Meeting> Meeting::open(int backlog) {
  Meeting meeting(unix_socket(), random_name());
  const Address address = abstract_address(meeting.name_);
  if (!meeting.listener_.open() ||
      ::bind(meeting.listener_.fd(), generic(address), address.length) != 0 ||
      ::listen(meeting.listener_.fd(), backlog) != 0) {
    return errno_error("open a Unix socket for the ranks of this host", errno);
  }
  return meeting;
}

Result<Rank> Meeting::serve(const tcp::Identity& self, int memory, Deadline deadline) {
  while (readable(listener_.fd(), deadline)) {
    tcp::Socket caller(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!caller.open() || !same_user(caller.fd())) continue;
    const Deadline patience = std::min(deadline, std::chrono::steady_clock::now() + kServeTimeout);
    const auto guest = tcp::receive_guest(caller, self, patience);
    if (guest && send_descriptor(caller.fd(), memory)) return guest->rank;
  }
  return Error{Code::kDeadlineExceeded, "no rank of this host came for the shared memory"};
}

Result<tcp::Socket> call_meeting(const std::string& name) {
  tcp::Socket socket = unix_socket();
  const Address address = abstract_address(name);
  if (!socket.open() || ::connect(socket.fd(), generic(address), address.length) != 0) {
    return errno_error("call the ranks of this host", errno);
  }
  return socket;
}

Result<tcp::Socket> receive_memory(tcp::Socket& socket, const tcp::Identity& self, Rank host,
                                   Deadline deadline) {
  DL_CHECK(tcp::introduce(socket, self, host, Channel::kData, deadline));
  DescriptorMessage message;
  if (!readable(socket.fd(), deadline)) {
    return Error{Code::kDeadlineExceeded, "the shared memory was not handed over"};
  }
  const ssize_t got = ::recvmsg(socket.fd(), &message.header, MSG_CMSG_CLOEXEC);
  const cmsghdr* rights = got == 1 ? CMSG_FIRSTHDR(&message.header) : nullptr;
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) {
    return unavailable("the shared memory was not handed over");
  }
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(rights), sizeof(int));
  return tcp::Socket(descriptor);
}

}  // namespace dl::worker::transport::shm
