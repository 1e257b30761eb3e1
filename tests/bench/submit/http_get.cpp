#include "tests/bench/submit/http_get.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>

namespace dl::bench {
namespace {

std::string get(const std::string& address, const std::string& token, const std::string& path) {
  namespace asio = boost::asio;
  const auto colon = address.rfind(':');
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  asio::connect(socket, asio::ip::tcp::resolver(io).resolve(address.substr(0, colon),
                                                            address.substr(colon + 1)));
  asio::write(socket,
              asio::buffer("GET " + path + " HTTP/1.1\r\nHost: " + address +
                           "\r\nAuthorization: Bearer " + token + "\r\nConnection: close\r\n\r\n"));
  std::string answer;
  boost::system::error_code ended;
  asio::read(socket, asio::dynamic_buffer(answer), ended);
  return answer;
}

}  // namespace

std::uint64_t metric(const std::string& address, const std::string& token,
                     const std::string& name) {
  const std::string answer = get(address, token, "/metrics");
  const auto line = answer.find("\n" + name + " ");
  if (line == std::string::npos) throw std::runtime_error("/metrics has no " + name);
  return static_cast<std::uint64_t>(std::stod(answer.substr(line + name.size() + 2)));
}

}  // namespace dl::bench
