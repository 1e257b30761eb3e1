// A daemon run by a bench: started, waited for, ended with the bench.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace dl::bench {

class Child {
 public:
  // Starts `command` and waits for the first line it prints, which says that it is ready. Its
  // stderr goes to `log`. Throws when it ends without one.
  Child(const std::vector<std::string>& command, const std::string& log);
  // SIGTERM, and waits.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const std::string& ready_line() const { return ready_line_; }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string ready_line_;
};

}  // namespace dl::bench
