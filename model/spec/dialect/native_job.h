// NativeJob is the native tree that a dialect builds: a job whose command gets the values of a
// search.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "model/spec/dialect/fields.h"

namespace dl::spec {

class NativeJob {
 public:
  explicit NativeJob(Findings& findings) : findings_(findings) {}

  // A key of the native spec, "search.max_trials", with the place it came from. Numbers in quotes
  // become numbers.
  void set(std::string_view path, Node value, const Mark& mark = {});
  // The field's value as it is, if it is there; its quotes removed.
  void copy(Fields& from, std::string_view name, std::string_view path);
  bool has(std::string_view path) const;

  // The job's name, from a name that may have characters ours cannot.
  void set_name(std::string_view name, const Mark& mark);
  void set_env(std::string_view name, std::string_view value, const Mark& mark);
  // A parameter; a name that stands twice is a problem.
  void add_parameter(std::string_view name, Node value, const Mark& mark);
  // A parameter whose values have a problem: its name is known all the same.
  void add_refused(std::string_view name, const Mark& mark);

  // The tree. `mark` is where the document begins.
  Node finish(const Mark& mark);

 private:
  Findings& findings_;
  Node root_ = empty();
  Node env_ = empty();
  Node parameters_ = empty();
  Mark env_mark_;
  Mark parameters_mark_;

  static Node empty();
};

// A parameter that is even between two nodes: {double: [low, high]}.
Node range_of(std::string_view word, const Node& low, const Node& high);

// The words of a command line as one text for the shell, "${name}" left for the search.
std::string command_line(std::span<const std::string> words);

// One word of it: literal parts quoted where they must be.
std::string command_word(std::string_view word);

}  // namespace dl::spec
