// The users: they submit jobs, again and again until they have an answer, and cancel some.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/coordinator/loop.h"

namespace dl::sim {

class World;

class Client {
 public:
  explicit Client(World& world) : world_(world) {}

  void start();
  void each_second();
  // Lets every search go on that somebody has paused.
  void resume_searches();
  void on_reply(const coordinator::Reply& reply);
  bool is_done() const;
  std::size_t acknowledged() const { return acknowledged_; }
  coordinator::RequestId next_request() { return next_request_++; }

 private:
  // A job that a user wants to run.
  struct Wish {
    std::string key;
    coordinator::SpecDocument document;
    JobId job{};  // Once acknowledged.
  };

  void submit(std::size_t wish);
  void change_search(JobId job);

  World& world_;
  std::vector<Wish> wishes_;
  std::map<coordinator::RequestId, std::size_t> waiting_;
  coordinator::RequestId next_request_ = 1;
  std::size_t acknowledged_ = 0;
};

}  // namespace dl::sim
