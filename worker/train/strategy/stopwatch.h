// Where a step's time goes: seconds of computation, and of communication that it waits for.

#pragma once

#include <chrono>

namespace dl::worker::train {

class Stopwatch {
 public:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
  }

 private:
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

// Seconds added up since they were last taken.
class SecondsMeter {
 public:
  void add(double seconds) {
    sum_ += seconds;
    last_ = seconds;
  }
  double take() {
    const double sum = sum_;
    sum_ = 0;
    return sum;
  }
  double last() const { return last_; }

 private:
  double sum_ = 0;
  double last_ = 0;
};

// What "train.communication" is: waiting ÷ (waiting + computing).
inline double share_of(double waiting, double computing) {
  return waiting > 0 ? waiting / (waiting + computing) : 0;
}

}  // namespace dl::worker::train
