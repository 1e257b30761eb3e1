#include "worker/train/compression/kernels/kernels.h"

namespace dl::worker::train::kernels {

const Table& table() {
  static const Table& best =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") ? avx2() : baseline();
  return best;
}

}  // namespace dl::worker::train::kernels
