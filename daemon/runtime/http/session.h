// One client's connection: reads requests one after another, writes the answers in that order.

#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <set>

#include "daemon/runtime/http/gateway.h"

namespace dl::runtime::http {

// Ends a connection from outside, on the server's thread.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void close() = 0;
};

// The connections there are, so that stop() reaches them.
using Connections = std::set<Connection*>;

// Serves `socket` until either side ends it. With `tls` it begins with a handshake.
boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket,
                                   boost::asio::ssl::context* tls, Gateway& gateway,
                                   Connections& connections);

// Answers 503 and closes: there are too many connections.
boost::asio::awaitable<void> refuse(boost::asio::ip::tcp::socket socket, Gateway& gateway);

}  // namespace dl::runtime::http
