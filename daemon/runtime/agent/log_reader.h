// Reads tasks' logs for whoever asks the coordinator: the whole or the last lines, then what is
// added, until the task is gone and all was sent. Files are read on a thread of their own; a
// reader has one block under way at a time, and no more than its asker has room for.

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "model/job.h"

namespace dl::runtime::agent {

struct LogBlock {
  std::uint64_t request = 0;
  std::string data;
  std::uint64_t offset = 0;  // Of `data` in the log.
  bool end = false;
  std::string error;  // With `end`: why there is no log.
};

struct LogRequest {
  std::uint64_t request = 0;
  TaskId task;
  std::filesystem::path file;
  bool follow = false;
  std::uint64_t tail_lines = 0;    // 0: from the start.
  std::uint64_t window_bytes = 0;  // Bytes to send before more() is called; 0: no limit.
};

// Used on the loop's thread.
class LogReaders {
 public:
  struct Callbacks {
    std::function<bool(const TaskId&)> is_live;
    std::function<void(LogBlock, std::function<void()> sent)> send;
  };

  LogReaders(boost::asio::io_context& loop, boost::asio::thread_pool& files, Callbacks callbacks);

  void read(const LogRequest& request);
  void more(std::uint64_t request, std::uint64_t bytes);
  void cancel(std::uint64_t request);
  void cancel_all();

  std::size_t size() const { return readers_.size(); }

 private:
  struct Reader;

  void step(const std::shared_ptr<Reader>& reader);
  void on_block(const std::shared_ptr<Reader>& reader, std::string data, bool was_live);
  void finish(const std::shared_ptr<Reader>& reader, std::string error);

  boost::asio::io_context& loop_;
  boost::asio::thread_pool& files_;
  const Callbacks callbacks_;
  std::map<std::uint64_t, std::shared_ptr<Reader>> readers_;
};

// Where the last `lines` lines of the file begin. A last line without an end counts.
std::uint64_t offset_of_tail(int fd, std::uint64_t lines);

}  // namespace dl::runtime::agent
