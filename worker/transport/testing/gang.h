// A gang whose ranks are threads of the test: spawn(options, fn) runs fn(mesh) on each of them.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "worker/transport/inproc/connect.h"
#include "worker/transport/mesh.h"
#include "worker/transport/tcp/connect.h"

namespace dl::worker::transport::testing {

enum class Kind { kInproc, kTcp, kShm };

struct GangOptions {
  Kind kind = Kind::kInproc;
  std::uint32_t world_size = 2;
  std::size_t link_bytes = 1 << 20;  // Not kTcp: small ones make senders wait.
  // By rank, the host it is on; empty: all on one with kShm, none on any with kInproc.
  std::vector<Rank> host_of;
};

// For the threads of a gang, where Catch2's macros must not be used: these throw, spawn rethrows.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_string(result.error()));
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
template <class T>
Error must_fail(const Result<T>& result) {
  if (result) throw std::logic_error("this should have failed");
  return result.error();
}
inline void expect(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

using RankFn = std::function<void(std::unique_ptr<Mesh>)>;

// A deadline.
inline Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Returns when fn has returned on all ranks. Throws what connecting or an fn threw.
void spawn(const GangOptions& options, const RankFn& fn);

// Every rank sends every other two bytes, its own number and the other's, and checks what it gets.
// All ranks of `mesh` call it.
void exchange_numbers(Mesh& mesh);

// Ports of this machine that nobody listens on, outside the ephemeral range and apart from those
// that agents offer.
std::vector<tcp::PeerAddress> free_addresses(std::uint32_t count);

}  // namespace dl::worker::transport::testing
