// JSON text → described structs: what JsonWriter wrote, also by an older or a newer version.
//
// A member that is missing keeps its default, one that is not known is skipped. The first error
// stops the reading: from then on every call does nothing and error() says what was expected where.

#pragma once

#include <charconv>
#include <functional>
#include <limits>

#include "base/result.h"
#include "daemon/runtime/journal/json_writer.h"

namespace dl::runtime::journal {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  bool ok() const { return !failed_; }
  // Of the first thing that was wrong; kDataLoss.
  const Error& error() const { return error_; }
  // Nothing but blanks may follow.
  void expect_end();
  void fail(std::string_view expected);

  void read(bool& value);
  void read(double& value);
  void read(std::string& value);
  void read(ParameterValue& value);
  template <std::integral T>
  void read(T& value) {
    skip_blanks();
    const auto [end, error] = std::from_chars(here(), text_.data() + text_.size(), value);
    if (failed_ || error != std::errc{}) return fail("an integer in range");
    place_ = static_cast<std::size_t>(end - text_.data());
  }
  template <class Tag>
  void read(Id<Tag>& id) {
    read(id.value);
  }
  template <class Rep, class Period>
  void read(std::chrono::duration<Rep, Period>& value) {
    std::int64_t us = 0;
    read(us);
    value = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(
        std::chrono::microseconds(us));
  }
  template <class Clock, class Unit>
  void read(std::chrono::time_point<Clock, Unit>& value) {
    Unit since{};
    read(since);
    value = std::chrono::time_point<Clock, Unit>(since);
  }
  template <class T>
  requires std::is_enum_v<T>
  void read(T& value) {
    std::string word;
    read(word);
    bool known = false;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto each) {
      if (to_string(each.value) != word) return;
      value = each.value;
      known = true;
    });
    if (!known) fail("a word of its kind, not \"" + word + "\"");
  }
  template <class T>
  void read(std::optional<T>& value) {
    if (take_null()) {
      value.reset();
    } else {
      read(value.emplace());
    }
  }
  template <class T>
  void read(std::vector<T>& values) {
    values.clear();
    elements([&] { read(values.emplace_back()); });
  }
  template <class T>
  void read(std::set<T>& values) {
    values.clear();
    elements([&] {
      T value{};
      read(value);
      values.insert(std::move(value));
    });
  }
  template <class T, std::size_t N>
  void read(std::array<T, N>& values) {
    std::size_t i = 0;
    elements([&] { i < N ? read(values[i++]) : skip(); });
  }
  template <class Key, class T>
  void read(std::map<Key, T>& values) {
    values.clear();
    members([&](const std::string& name) {
      Key key{};
      read_key(name, key);
      read(values[std::move(key)]);
    });
  }
  template <class T>
  requires(boost::describe::has_describe_members<T>::value &&
           !std::is_enum_v<T>) void read(T& object) {
    members([&](const std::string& name) {
      bool known = false;
      boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>(
          [&](auto member) {
            if (known || name != member.name) return;
            known = true;
            read(object.*member.pointer);
          });
      if (!known) skip();
    });
  }

  // Calls `each` with every member's name of the object; it has to read or skip() the value.
  void members(const std::function<void(const std::string& name)>& each);
  // Over one value of any kind.
  void skip();

 private:
  const char* here() const { return text_.data() + place_; }
  void skip_blanks();
  bool take(char c);  // Takes `c`, if it comes next.
  bool take_null();
  void expect(char c);
  void read_escape(std::string& value);
  std::uint32_t read_hex();
  void elements(const std::function<void()>& each);
  void read_key(const std::string& name, std::string& key) { key = name; }
  template <std::integral T>
  void read_key(const std::string& name, T& key) {
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), key);
    if (error != std::errc{} || end != name.data() + name.size()) fail("a number as the key");
  }
  template <class Tag>
  void read_key(const std::string& name, Id<Tag>& key) {
    read_key(name, key.value);
  }

  std::string_view text_;
  std::size_t place_ = 0;
  std::size_t depth_ = 0;
  bool failed_ = false;
  Error error_;
};

}  // namespace dl::runtime::journal
