// Endpoint: where the coordinator is and what opens its door, from all the places that may say so.

#pragma once

#include <string>

#include "base/result.h"
#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

struct Endpoint {
  std::string address;  // "127.0.0.1:7400"
  std::string token;
  std::string token_source;  // "DL_TOKEN", or the file's name: for messages.
  std::string tls_ca;        // PEM text; empty: no TLS.
  std::string context;       // The context's name; empty when none was used.
};

inline constexpr const char* kDefaultAddress = "127.0.0.1:7400";

// `server` and `context` are the flags, empty when not given. The first that speaks decides:
//   address  --server, --context, DL_SERVER, DL_CONTEXT, the current context, the dev cluster's
//            address, 127.0.0.1:7400
//   token    DL_TOKEN, the context's token or token_file, and for a server on this machine the
//            token file of the dev cluster, then of a coordinator with its default state folder
// An address without a port gets 7400. kNotFound: the context named does not exist; says which do.
Result<Endpoint> resolve_endpoint(const std::string& server, const std::string& context,
                                  const Environment& env);

// $XDG_STATE_HOME/dl/dev: where `dlctl dev up` keeps its cluster.
std::string dev_dir(const Environment& env);

}  // namespace dl::dlctl
