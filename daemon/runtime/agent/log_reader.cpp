#include "daemon/runtime/agent/log_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <limits>

#include "daemon/runtime/supervise/spawn.h"

namespace dl::runtime::agent {
namespace {

constexpr std::size_t kBlockMax = 64 << 10;
constexpr std::chrono::milliseconds kPoll{100};

}  // namespace

struct LogReaders::Reader {
  Reader(boost::asio::io_context& loop, LogRequest what) : request(std::move(what)), timer(loop) {
    window =
        request.window_bytes > 0 ? request.window_bytes : std::numeric_limits<std::uint64_t>::max();
  }

  LogRequest request;
  boost::asio::steady_timer timer;
  std::uint64_t window = 0;
  bool busy = false;  // A block is being read or sent, or the timer runs.
  bool cancelled = false;
  // The file thread's own while a block is read.
  supervise::Fd file;
  std::uint64_t offset = 0;

  std::string open() {
    file = supervise::Fd(::open(request.file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
      return "the log of " + to_string(request.task) + " cannot be read: " + std::strerror(errno) +
             "; logs of old tasks are removed after a while";
    }
    if (request.tail_lines > 0) offset = offset_of_tail(file.get(), request.tail_lines);
    return {};
  }

  std::string read_block(std::size_t size_max) {
    std::string data(size_max, '\0');
    const ssize_t got = ::pread(file.get(), data.data(), data.size(), static_cast<off_t>(offset));
    data.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return data;
  }
};

LogReaders::LogReaders(boost::asio::io_context& loop, boost::asio::thread_pool& files,
                       Callbacks callbacks)
    : loop_(loop), files_(files), callbacks_(std::move(callbacks)) {}

void LogReaders::read(const LogRequest& request) {
  cancel(request.request);
  const auto reader = std::make_shared<Reader>(loop_, request);
  readers_[request.request] = reader;
  reader->busy = true;
  boost::asio::post(files_, [this, reader] {
    auto error = reader->open();
    boost::asio::post(loop_, [this, reader, error = std::move(error)]() mutable {
      reader->busy = false;
      if (!error.empty()) return finish(reader, std::move(error));
      step(reader);
    });
  });
}

void LogReaders::more(std::uint64_t request, std::uint64_t bytes) {
  const auto found = readers_.find(request);
  if (found == readers_.end()) return;
  Reader& reader = *found->second;
  const auto room = std::numeric_limits<std::uint64_t>::max() - reader.window;
  reader.window += std::min(bytes, room);
  step(found->second);
}

void LogReaders::cancel(std::uint64_t request) {
  const auto found = readers_.find(request);
  if (found == readers_.end()) return;
  found->second->cancelled = true;
  found->second->timer.cancel();
  readers_.erase(found);
}

void LogReaders::cancel_all() {
  while (!readers_.empty()) cancel(readers_.begin()->first);
}

void LogReaders::step(const std::shared_ptr<Reader>& reader) {
  if (reader->busy || reader->cancelled || reader->window == 0) return;
  reader->busy = true;
  // Asked before the read: what a task wrote before its end is in the file then.
  const bool was_live = callbacks_.is_live(reader->request.task);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(reader->window, kBlockMax));
  boost::asio::post(files_, [this, reader, was_live, size] {
    auto data = reader->read_block(size);
    boost::asio::post(loop_, [this, reader, was_live, data = std::move(data)]() mutable {
      reader->busy = false;
      on_block(reader, std::move(data), was_live);
    });
  });
}

void LogReaders::on_block(const std::shared_ptr<Reader>& reader, std::string data, bool was_live) {
  if (reader->cancelled) return;
  const auto go_on = [this, reader](auto...) {
    reader->busy = false;
    step(reader);
  };
  if (!data.empty()) {
    LogBlock block{.request = reader->request.request, .offset = reader->offset};
    reader->offset += data.size();
    reader->window -= data.size();
    block.data = std::move(data);
    reader->busy = true;
    callbacks_.send(std::move(block), go_on);
  } else if (reader->request.follow && was_live) {
    reader->busy = true;
    reader->timer.expires_after(kPoll);
    reader->timer.async_wait(go_on);
  } else {
    finish(reader, {});
  }
}

void LogReaders::finish(const std::shared_ptr<Reader>& reader, std::string error) {
  if (reader->cancelled) return;
  readers_.erase(reader->request.request);
  callbacks_.send({.request = reader->request.request,
                   .data = {},
                   .offset = reader->offset,
                   .end = true,
                   .error = std::move(error)},
                  [] {});
}

std::uint64_t offset_of_tail(int fd, std::uint64_t lines) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  std::string block(kBlockMax, '\0');
  off_t end = size;
  while (end > 0) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(kBlockMax));
    const ssize_t got = ::pread(fd, block.data(), static_cast<std::size_t>(end - begin), begin);
    if (got != end - begin) return static_cast<std::uint64_t>(end);
    for (off_t at = end - 1; at >= begin; --at) {
      // The newline that ends the last line does not begin another.
      if (block[static_cast<std::size_t>(at - begin)] != '\n' || at == size - 1) continue;
      if (--lines == 0) return static_cast<std::uint64_t>(at + 1);
    }
    end = begin;
  }
  return 0;
}

}  // namespace dl::runtime::agent
