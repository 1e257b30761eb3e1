// Virtual time: what happens when, the dice, and a trace of it all. Nothing in a run depends on
// anything else, so a seed is a run.

#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "daemon/coordinator/decide/random.h"

namespace dl::sim {

class Timeline {
 public:
  explicit Timeline(std::uint64_t seed, bool print) : dice_(seed), print_(print) {}

  Timestamp now() const { return now_; }

  // Runs `what` after `delay`. What is due at the same time runs in the order of the calls.
  void after(Duration delay, std::function<void()> what) {
    queue_.emplace(std::pair(now_ + delay, ++sequence_), std::move(what));
  }

  // Runs the next thing; false when there is none.
  bool step() {
    if (queue_.empty()) return false;
    auto node = queue_.extract(queue_.begin());
    now_ = node.key().first;
    node.mapped()();
    return true;
  }

  // --- dice ------------------------------------------------------------------------------------

  std::uint64_t roll(std::uint64_t sides) { return coordinator::next_random(dice_) % sides; }
  bool happens(unsigned per_mille) { return per_mille > 0 && roll(1000) < per_mille; }
  Duration between(Duration least, Duration most) {
    return least + Duration(roll(static_cast<std::uint64_t>((most - least).count()) + 1));
  }

  // --- trace -----------------------------------------------------------------------------------

  // One line of the run's story. The hash of them all is the run's name.
  void trace(const std::string& line) {
    const auto at = std::to_string((now_ - kStart).count());
    for (const std::string_view part : {std::string_view(at), std::string_view(line)}) {
      for (const char c : part) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    if (print_)
      std::printf("%10.3f  %s\n", static_cast<double>((now_ - kStart).count()) / 1e6, line.c_str());
  }
  std::uint64_t hash() const { return hash_; }

  Duration elapsed() const { return now_ - kStart; }

 private:
  static constexpr Timestamp kStart{std::chrono::hours{24 * 365 * 56}};

  Timestamp now_ = kStart;
  std::uint64_t dice_;
  bool print_;
  std::uint64_t sequence_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::map<std::pair<Timestamp, std::uint64_t>, std::function<void()>> queue_;
};

}  // namespace dl::sim
