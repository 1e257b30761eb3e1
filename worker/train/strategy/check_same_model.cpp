#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/crc32c.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

// "fc1.weight, 128 x 1024 float"
std::string describe(const NamedTensor& one) {
  std::string text = one.name + ", ";
  for (std::int64_t i = 0; i < one.tensor.dim(); ++i) {
    text += (i > 0 ? " x " : "") + std::to_string(one.tensor.size(i));
  }
  return text + (one.tensor.dim() > 0 ? " " : "") +
         std::string(c10::toString(one.tensor.scalar_type()));
}

std::vector<std::string> describe_all(const Replica& replica) {
  std::vector<std::string> all;
  for (const auto* part : {&replica.parameters(), &replica.buffers()}) {
    for (const NamedTensor& one : *part) all.push_back(describe(one));
  }
  return all;
}

// A text of a fixed size as numbers, so that ranks can exchange it.
constexpr std::size_t kWords = 24;

std::vector<std::int64_t> pack(std::string text) {
  std::vector<std::int64_t> words(kWords, 0);
  text.resize(std::min(text.size(), kWords * sizeof(std::int64_t)));
  std::memcpy(words.data(), text.data(), text.size());
  return words;
}

std::string unpack(const std::vector<std::int64_t>& words) {
  const std::string text(reinterpret_cast<const char*>(words.data()),
                         kWords * sizeof(std::int64_t));
  return text.substr(0, text.find('\0'));
}

std::int64_t checksum(const std::string& text) {
  return crc32c(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace

Outcome<void> check_same_model(const Gang& gang, const Replica& replica) {
  const std::vector<std::string> mine = describe_all(replica);
  // Where this rank's list first differs from rank 0's; its end when it does not.
  std::vector<std::int64_t> theirs{static_cast<std::int64_t>(mine.size())};
  theirs = gang.broadcast(theirs);
  std::vector<std::int64_t> sums(static_cast<std::size_t>(theirs[0]), 0);
  if (gang.leads()) std::transform(mine.begin(), mine.end(), sums.begin(), checksum);
  if (!sums.empty()) sums = gang.broadcast(sums);
  std::size_t same = 0;
  while (same < mine.size() && same < sums.size() && checksum(mine[same]) == sums[same]) ++same;
  const bool differs = same < mine.size() || same < sums.size();

  const auto places = gang.gather({differs ? static_cast<std::int64_t>(same) : -1});
  const auto first =
      std::find_if(places.begin(), places.end(),
                   [](const std::vector<std::int64_t>& place) { return place[0] >= 0; });
  if (first == places.end()) return {};
  const auto rank = static_cast<std::size_t>(first - places.begin());
  const auto at = static_cast<std::size_t>((*first)[0]);
  const auto texts = gang.gather(pack(at < mine.size() ? mine[at] : "nothing"));
  return Failure{FailureKind::kSpec, "",
                 "rank " + std::to_string(rank) + " has another model than rank 0: its tensor " +
                     std::to_string(at) + " is " + unpack(texts[rank]) + ", rank 0's is " +
                     unpack(texts[0]) + "; all ranks need the same spec and version of dl-worker"};
}

}  // namespace dl::worker::train
