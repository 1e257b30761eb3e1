// Described structs → compact JSON text, appended to one string.
//
// Structs are objects by their members' names, enums their words, times and durations integers of
// microseconds, maps objects, sets and vectors arrays, absent optionals left out. Numbers read back
// to the same bits. Numbers that JSON does not have are the strings "nan", "inf" and "-inf".

#pragma once

#include <array>
#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "model/search_space.h"

namespace dl::runtime::journal {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void write(bool value) { out_ += value ? "true" : "false"; }
  void write(double value);
  void write(std::string_view text);
  // As the JSON value of its kind; a double always has a point or an exponent.
  void write(const ParameterValue& value);
  void write(const std::string& text) { write(std::string_view(text)); }
  template <std::integral T>
  void write(T value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
  }
  template <class Tag>
  void write(Id<Tag> id) {
    write(id.value);
  }
  template <class Rep, class Period>
  void write(std::chrono::duration<Rep, Period> value) {
    write(std::chrono::duration_cast<std::chrono::microseconds>(value).count());
  }
  template <class Clock, class Unit>
  void write(std::chrono::time_point<Clock, Unit> value) {
    write(value.time_since_epoch());
  }
  template <class T>
  requires std::is_enum_v<T>
  void write(T value) { write(std::string_view(to_string(value))); }
  template <class T>
  void write(const std::optional<T>& value) {  // Only where an absent one cannot be left out.
    if (value) {
      write(*value);
    } else {
      out_ += "null";
    }
  }
  template <class T>
  void write(const std::vector<T>& values) {
    write_array(values);
  }
  template <class T>
  void write(const std::set<T>& values) {
    write_array(values);
  }
  template <class T, std::size_t N>
  void write(const std::array<T, N>& values) {
    write_array(values);
  }
  template <class Key, class T>
  void write(const std::map<Key, T>& values) {
    out_ += '{';
    for (bool first = true; const auto& [key, value] : values) {
      if (!std::exchange(first, false)) out_ += ',';
      write_key(key);
      out_ += ':';
      write(value);
    }
    out_ += '}';
  }
  template <class T>
  requires(boost::describe::has_describe_members<T>::value &&
           !std::is_enum_v<T>) void write(const T& object) {
    out_ += '{';
    bool first = true;
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>(
        [&](auto member) { write_member(first, member.name, object.*member.pointer); });
    out_ += '}';
  }

 private:
  template <class T>
  void write_member(bool& first, std::string_view name, const T& value) {
    if (!std::exchange(first, false)) out_ += ',';
    out_.append("\"").append(name).append("\":");
    write(value);
  }
  template <class T>
  void write_member(bool& first, std::string_view name, const std::optional<T>& value) {
    if (value) write_member(first, name, *value);
  }
  template <class Range>
  void write_array(const Range& values) {
    out_ += '[';
    for (bool first = true; const auto& value : values) {
      if (!std::exchange(first, false)) out_ += ',';
      write(value);
    }
    out_ += ']';
  }
  void write_key(const std::string& key) { write(key); }
  template <std::integral T>
  void write_key(T key) {
    out_ += '"';
    write(key);
    out_ += '"';
  }
  template <class Tag>
  void write_key(Id<Tag> key) {
    write_key(key.value);
  }

  std::string& out_;
};

}  // namespace dl::runtime::journal
