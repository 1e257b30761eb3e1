// The face of the NCCL plug-in: a shared library of its own, because it links libtorch_cuda, which
// loads only where CUDA is. The worker opens it at run time; nccl_backend.h does so.

#pragma once

#include <cstddef>
#include <cstdint>

namespace c10d {
class Backend;
}

extern "C" {

struct DlNcclOptions {
  const char* store_host;    // Where rank 0 keeps the store by which NCCL's ranks meet …
  std::uint16_t store_port;  // … which it opens here.
  int rank;
  int world_size;
  std::int64_t timeout_ms;  // Of meeting, and of a collective.
};

// Returns 0 and puts a backend with one reference, which the caller owns, into `backend`. Otherwise
// fills `error` with what went wrong, cut to `error_bytes` and ended by a zero.
int dl_nccl_make_backend(const DlNcclOptions* options, c10d::Backend** backend, char* error,
                         std::size_t error_bytes);

}  // extern "C"
