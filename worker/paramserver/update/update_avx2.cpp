#include "worker/paramserver/update/update_loops.h"

namespace dl::worker::paramserver {

const UpdateTable& avx2_updates() {
  static constexpr UpdateTable table = make_updates();
  return table;
}

}  // namespace dl::worker::paramserver
