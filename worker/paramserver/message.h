// What travels between workers and servers: a head of fixed size, then `bytes` of payload.
//
//   worker → server                          server → worker
//   hello        the tables                  welcome       the worker's standing
//   initial      first values (rank 0)       initialised
//   push         the server's part           acknowledged  (it and its replica have the push)
//   pull         -                           values        a piece; as many as make the part
//   push-pull    both                        values, acknowledged
//   push rows    ids, then values            acknowledged
//   pull rows    ids                         rows          in the order of the ids
//   checkpoint   -                           checkpointed
//   finish       -                           finished
//                                            waiting       for whom; at any time, between others
//                                            failed        why; the last word
//
//   server → next server: inventory, state (at the start), operation; and back: replicated
//
// Numbers are in the byte order of the machine: ranks of one gang run the same build.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/options.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

enum class MessageKind : std::uint8_t {
  kHello = 1,
  kInitial,
  kReady,  // In place of initial: from workers whose values nobody needs.
  kPush,
  kPull,
  kPushPull,
  kPushRows,
  kPullRows,
  kCheckpoint,
  kFinish,
  kWelcome = 32,
  kInitialised,
  kAcknowledged,
  kValues,
  kRows,
  kCheckpointed,
  kFinished,
  kWaiting,
  kFailed,
  kInventory = 64,
  kState,
  kOperation,
  kReplicated,
};

struct Head {
  static constexpr std::uint32_t kMagic = 0x3153'504c;

  std::uint32_t magic = kMagic;
  MessageKind kind = MessageKind::kHello;
  std::uint8_t push_kind = 0;
  bool flag = false;  // kWelcome: restored. kOperation: the push ends. kAcknowledged: a repeat.
  std::uint8_t padding = 0;
  std::uint32_t table = 0;
  std::uint32_t worker = 0;  // kWaiting: for whom. kOperation: whose.
  Clock clock = 0;
  // kValues, kOperation: element within the part. Rows: how many. kWelcome: the worker's position.
  std::uint64_t first = 0;
  std::uint64_t bytes = 0;  // Of the payload.
  float learning_rate = 0;
  float factor = 0;
  // kValues, kRows: the slowest clock. kAcknowledged: staleness. Pushes, kOperation: the position.
  std::uint64_t value = 0;
};
static_assert(sizeof(Head) == 56 && std::is_trivially_copyable_v<Head>);

// A payload longer than this, other than of a dense table, is refused.
inline constexpr std::uint64_t kBodyBytesMax = std::uint64_t{1} << 30;

// The head of the next message from one peer, as far as it has come.
class HeadReader {
 public:
  // True once the head is complete; `moved` says whether any byte came.
  //   kFailedPrecondition  it is no head.
  Result<bool> receive(transport::Mesh& mesh, transport::Rank peer, bool& moved);
  bool complete() const { return got_ == sizeof(Head); }
  bool begun() const { return got_ > 0; }
  const Head& head() const { return head_; }
  void next() { got_ = 0; }  // The message is dealt with.

 private:
  Head head_;
  std::size_t got_ = 0;
};

// Messages on their way to one peer, in order.
class Outbox {
 public:
  // `payload` is alive until it is sent: kept by `owner`, or by the caller when that is null. It
  // may be in two pieces.
  void put(Head head, transport::ConstBytes payload = {},
           std::shared_ptr<const void> owner = nullptr);
  void put(Head head, transport::ConstBytes payload, transport::ConstBytes rest);
  void put_text(Head head, const std::string& text);

  // Sends as much as the link takes now, but no more of the first message than its first `limit`
  // bytes; true when that was anything.
  Result<bool> send(transport::Mesh& mesh, transport::Rank peer,
                    std::size_t limit = ~std::size_t{0});

  std::size_t sent() const { return sent_; }  // Of the first message.
  bool empty() const { return messages_.empty(); }
  std::size_t size() const { return messages_.size(); }

 private:
  struct Message {
    Head head;
    transport::ConstBytes payload;
    transport::ConstBytes rest;
    std::shared_ptr<const void> owner;
  };
  std::deque<Message> messages_;
  std::size_t sent_ = 0;
};

// Sends what is in the outboxes, that of rank i to rank i, and waits for the ranks to leave: what
// they had not read by the time this one leaves might be lost. Gives up after a second.
void see_off(transport::Mesh& mesh, std::span<Outbox* const> outboxes);

// A payload that is coming in, into memory of the caller's.
class Intake {
 public:
  void begin(transport::Bytes into) {
    into_ = into;
    got_ = 0;
  }
  // True once all is there.
  Result<bool> receive(transport::Mesh& mesh, transport::Rank peer, bool& moved);
  std::size_t got() const { return got_; }
  bool complete() const { return got_ == into_.size(); }

 private:
  transport::Bytes into_;
  std::size_t got_ = 0;
};

// Messages that come in from one peer, one after another.
class Inbox {
 public:
  bool begun() const { return open_ || reader_.begun(); }

  // Takes what there is, of one message at most; true when that was anything. `open` is called when
  // a head is there, and returns where the payload goes; `dispatch` when that is there too, with
  // the head.
  template <class Open, class Dispatch>
  Result<bool> receive(transport::Mesh& mesh, transport::Rank peer, Open open, Dispatch dispatch) {
    bool moved = false;
    if (!open_) {
      DL_TRY(const bool there, reader_.receive(mesh, peer, moved));
      if (!there) return moved;
      DL_TRY(const transport::Bytes into, open(reader_.head()));
      intake_.begin(into);
      open_ = true;
    }
    DL_TRY(const bool complete, intake_.receive(mesh, peer, moved));
    if (!complete) return moved;
    const Head head = reader_.head();
    open_ = false;
    reader_.next();
    DL_CHECK(dispatch(head));
    return moved;
  }

 private:
  HeadReader reader_;
  Intake intake_;
  bool open_ = false;  // The head has been read, its payload not yet.
};

// Memory for one range at a time, used again and again.
class BlockPool {
 public:
  explicit BlockPool(std::size_t floats) : shared_(std::make_shared<Shared>()), floats_(floats) {}
  std::shared_ptr<float[]> take();

 private:
  struct Shared {
    std::vector<std::unique_ptr<float[]>> unused;
  };
  std::shared_ptr<Shared> shared_;
  std::size_t floats_;
};

}  // namespace dl::worker::paramserver
