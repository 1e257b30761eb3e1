#include "worker/transport/sub_mesh.h"

#include <array>
#include <catch2/catch.hpp>

#include "worker/transport/testing/gang.h"

namespace dl::worker::transport {
namespace {

using namespace std::chrono_literals;
using testing::exchange_numbers;
using testing::expect;
using testing::GangOptions;
using testing::in;
using testing::Kind;
using testing::must;
using testing::must_fail;
using testing::spawn;

TEST_CASE("members of a sub-mesh reach one another by their numbers in it", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  // Two groups of one gang, one of them not in the order of ranks.
  const std::vector<Rank> first = {3, 0, 4};
  const std::vector<Rank> second = {1, 2};
  spawn({.kind = kind, .world_size = 5}, [&](std::unique_ptr<Mesh> mesh) {
    const std::shared_ptr<Mesh> whole = std::move(mesh);
    const bool in_second = whole->rank() == 1 || whole->rank() == 2;
    SubMesh group(whole, in_second ? second : first);
    expect(group.world_size() == (in_second ? 2 : 3), "it has as many ranks as members");
    expect(group.describe(group.rank()) == whole->describe(whole->rank()), "ranks keep their name");
    exchange_numbers(group);
    // The whole mesh goes on working beside it.
    exchange_numbers(*whole);
  });
}

TEST_CASE("a sub-mesh has its members' part of the board", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kShm);
  // Rank 1 is on a host of its own, and rank 4 alone of its group on the first one.
  const GangOptions gang = {.kind = kind, .world_size = 5, .host_of = {0, 1, 0, 0, 0}};
  spawn(gang, [&](std::unique_ptr<Mesh> mesh) {
    const std::shared_ptr<Mesh> whole = std::move(mesh);
    const bool in_second = whole->rank() == 1 || whole->rank() == 4;
    SubMesh group(whole, in_second ? std::vector<Rank>{1, 4} : std::vector<Rank>{3, 0, 2});
    if (in_second) {
      expect(group.board() == nullptr, "nobody to share it with");
      expect(group.host_of(0) != group.host_of(1), "two hosts");
      return;
    }
    expect(group.host_of(0) == group.host_of(1), "one host");
    Board& board = *group.board();
    expect(board.ranks().size() == 3, "all members");
    board.block(group.rank())[0] = static_cast<std::byte>(group.rank());
    board.post(1, 1);
    for (const Rank rank : board.ranks()) {
      must(board.await(rank, 1, in(10s)));
      expect(board.block(rank)[0] == static_cast<std::byte>(rank), "the member's own block");
    }
  });
}

TEST_CASE("the death of a rank outside a sub-mesh ends a wait inside it", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  spawn({.kind = kind, .world_size = 3}, [](std::unique_ptr<Mesh> mesh) {
    const std::shared_ptr<Mesh> whole = std::move(mesh);
    if (whole->rank() == 2) {
      whole->abort();
      return;
    }
    SubMesh group(whole, {0, 1});
    std::array<std::byte, 1> never{};
    const Error error = must_fail(receive_all(group, 1 - group.rank(), never, in(10s)));
    expect(error.code == Code::kUnavailable, "not a deadline");
    // Both survivors end here, so each names rank 2 or the other, who gave up because of it.
    expect(error.message.find("rank 2") != std::string::npos, "the dead one is named");
    whole->abort();
  });
}

}  // namespace
}  // namespace dl::worker::transport
