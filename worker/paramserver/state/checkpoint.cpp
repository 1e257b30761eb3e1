#include "worker/paramserver/state/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "worker/train/checkpoint/container.h"

namespace dl::worker::paramserver {
namespace {

namespace fs = std::filesystem;

std::string prefix_of(const Identity& identity) {
  return "server-" + std::to_string(identity.server) + "-of-" + std::to_string(identity.servers) +
         ".clock-";
}

std::string describe(const Layout& layout, const Standpoint& standpoint) {
  return "{\"kind\":\"paramserver\",\"fingerprint\":" + std::to_string(layout.fingerprint()) +
         ",\"sequence\":" + std::to_string(standpoint.sequence) +
         ",\"clock\":" + std::to_string(standpoint.clock) + "}";
}

// The number behind "key": in what describe() wrote.
Result<std::uint64_t> number_in(const std::string& text, const std::string& key,
                                const fs::path& path) {
  const std::size_t at = text.find("\"" + key + "\":");
  std::uint64_t value = 0;
  if (at != std::string::npos) {
    const char* const first = text.data() + at + key.size() + 3;
    if (std::from_chars(first, text.data() + text.size(), value).ec == std::errc()) return value;
  }
  return Error{Code::kFailedPrecondition,
               path.string() + " is not a checkpoint of a parameter server"};
}

}  // namespace

Snapshot snapshot_of(const Shard& shard) {
  const auto content = shard.content();
  return {shard.layout(), shard.standpoint(), {content.begin(), content.end()}};
}

fs::path checkpoint_path(const fs::path& folder, const Identity& identity, Clock clock) {
  return folder / (prefix_of(identity) + std::to_string(clock) + ".dlm");
}

Result<void> write_checkpoint(const fs::path& folder, Clock clock, const Snapshot& snapshot,
                              std::size_t kept) {
  std::vector<train::TensorView> tensors;
  for (const Region& region : snapshot.layout.regions) {
    const std::size_t size = region.floats ? sizeof(float) : sizeof(std::int64_t);
    tensors.push_back({.name = region.name,
                       .dtype = region.floats ? train::DType::kFloat32 : train::DType::kInt64,
                       .shape = {static_cast<std::int64_t>(region.bytes / size)},
                       .bytes = std::span(snapshot.content)
                                    .subspan(region.offset - Layout::kHeaderBytes, region.bytes)});
  }
  const Identity& identity = snapshot.layout.identity();
  DL_CHECK(train::write_container(checkpoint_path(folder, identity, clock),
                                  describe(snapshot.layout, snapshot.standpoint), tensors));
  std::set<Clock> clocks = checkpoints_in(folder, identity);
  while (clocks.size() > kept && *clocks.begin() != clock) {
    std::error_code ignored;
    fs::remove(checkpoint_path(folder, identity, *clocks.begin()), ignored);
    clocks.erase(clocks.begin());
  }
  return {};
}

std::set<Clock> checkpoints_in(const fs::path& folder, const Identity& identity) {
  std::set<Clock> clocks;
  const std::string prefix = prefix_of(identity);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix) || !name.ends_with(".dlm")) continue;
    Clock clock = 0;
    const char* const end = name.data() + name.size() - 4;
    const auto [stop, bad] = std::from_chars(name.data() + prefix.size(), end, clock);
    if (bad == std::errc() && stop == end) clocks.insert(clock);
  }
  return clocks;
}

Result<void> load_checkpoint(const fs::path& folder, Clock clock, Shard& shard) {
  const Layout& layout = shard.layout();
  const fs::path path = checkpoint_path(folder, layout.identity(), clock);
  DL_TRY(const train::Container container, train::Container::read(path));
  DL_TRY(const auto fingerprint, number_in(container.description(), "fingerprint", path));
  const Error foreign = {Code::kFailedPrecondition,
                         path.string() +
                             " was written with other tables, workers, servers or "
                             "another rule"};
  if (fingerprint != layout.fingerprint()) return foreign;
  Standpoint standpoint{.initialised = true};
  DL_TRY(standpoint.sequence, number_in(container.description(), "sequence", path));
  DL_TRY(standpoint.clock, number_in(container.description(), "clock", path));
  for (const Region& region : layout.regions) {
    const train::TensorView* const tensor = container.find(region.name);
    if (tensor == nullptr || tensor->bytes.size() != region.bytes) return foreign;
    std::copy(tensor->bytes.begin(), tensor->bytes.end(),
              shard.content().begin() +
                  static_cast<std::ptrdiff_t>(region.offset - Layout::kHeaderBytes));
  }
  shard.set_standpoint(standpoint);
  return {};
}

}  // namespace dl::worker::paramserver
