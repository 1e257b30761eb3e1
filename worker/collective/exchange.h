// Messages between this rank and any of the others, all at once: the data path of the collectives
// that take one step.
//
//   Exchange exchange(communicator, call);
//   exchange.send(1, mine);
//   exchange.receive(2, theirs);
//   DL_CHECK(exchange.run());

#pragma once

#include "worker/collective/call.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

// One at a time on a communicator, whose memory it works in.
class Exchange {
 public:
  // The call goes before each message, with the size of the message in place of `call.bytes`.
  Exchange(Communicator& communicator, const Call& call);

  // At most one message each way for a peer, from and to memory that stays until run() is over.
  void send(transport::Rank to, transport::ConstBytes message);
  void receive(transport::Rank from, transport::Bytes message);

  // Errors as for allreduce.
  Result<void> run();

 private:
  using Peer = ExchangeState::Peer;

  Call call_of(std::size_t bytes) const;
  Result<bool> move_all();
  Result<bool> move_out(transport::Rank rank, Peer& peer);
  Result<bool> move_in(transport::Rank rank, Peer& peer);

  Communicator& communicator_;
  const Call call_;
  ExchangeState& state_;
};

}  // namespace dl::worker::collective
