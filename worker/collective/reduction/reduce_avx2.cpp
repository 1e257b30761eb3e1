#include "worker/collective/reduction/reduce_kernels.h"

namespace dl::worker::collective {

const KernelTable& avx2_kernels() {
  static constexpr KernelTable table = make_table();
  return table;
}

}  // namespace dl::worker::collective
