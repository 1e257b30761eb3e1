#include "worker/train/compression/kernels/loops.h"

namespace dl::worker::train::kernels {

const Table& baseline() {
  static constexpr Table loops = make_table();
  return loops;
}

}  // namespace dl::worker::train::kernels
