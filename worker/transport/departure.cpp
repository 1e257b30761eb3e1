#include "worker/transport/departure.h"

#include "worker/transport/little_endian.h"

namespace dl::worker::transport {

Notice encode_notice(const Departure& departure) {
  Notice notice{};
  notice[0] = static_cast<std::byte>(departure.kind);
  put_little_endian(notice.data() + 4, departure.culprit);
  return notice;
}

Departure decode_notice(std::span<const std::byte> bytes) {
  if (bytes.size() != kNoticeBytes) return {};
  const auto kind = static_cast<DepartureKind>(bytes[0]);
  if (kind != DepartureKind::kFarewell && kind != DepartureKind::kGaveUp) return {};
  return {.kind = kind, .culprit = get_little_endian<Rank>(bytes.data() + 4)};
}

Rank culprit_of(Rank peer, const Departure& departure) {
  return departure.kind == DepartureKind::kGaveUp ? departure.culprit : peer;
}

Error departure_error(const Mesh& mesh, Rank peer, const Departure& departure) {
  const std::string who = mesh.describe(peer);
  switch (departure.kind) {
    case DepartureKind::kFarewell:
      return unavailable(who +
                         " has finished and left while it was still needed; its log says why "
                         "it ended before its peers");
    case DepartureKind::kGaveUp:
      if (departure.culprit == peer || departure.culprit >= mesh.world_size()) {
        return unavailable(who + " gave up; its log says why");
      }
      if (departure.culprit == mesh.rank()) {
        return unavailable(who +
                           " gave up because it lost its connection to this rank; look at "
                           "the network between the two");
      }
      return unavailable(mesh.describe(departure.culprit) + " is gone, says " + who +
                         "; the log of the first says why");
    case DepartureKind::kLost: break;
  }
  return unavailable(who +
                     " is gone: its connection ended without a farewell; its process died or "
                     "the network was cut, and its log says which");
}

Error stall_error(const Mesh& mesh, std::span<const Interest> interests) {
  std::string message = "waited in vain";
  const char* separator = " ";
  for (const Interest& interest : interests) {
    message += separator;
    message += interest.direction == Direction::kSend ? "for room to send to " : "for data from ";
    message += mesh.describe(interest.peer);
    separator = " and ";
  }
  return {Code::kDeadlineExceeded,
          message +
              "; the connection stands, so that process hangs or is far behind: its log and "
              "stack say where"};
}

}  // namespace dl::worker::transport
