// Random values of described structs, for property tests: every member set, edges preferred.

#pragma once

#include <limits>
#include <memory>
#include <random>

#include "daemon/coordinator/mutation.h"
#include "daemon/runtime/journal/json_writer.h"
#include "model/spec/parse.h"

namespace dl::runtime::journal::testing {

class RandomValue {
 public:
  explicit RandomValue(std::uint32_t seed) : engine_(seed) {}

  std::size_t below(std::size_t bound) { return engine_() % bound; }

  void fill(bool& value) { value = below(2) == 1; }
  void fill(double& value) {
    constexpr std::array<double, 6> kEdges = {0.0, 0.1, 1.0 / 3.0, 1e-300, -1.7e308, 5e-324};
    value = below(2) == 0 ? kEdges[below(kEdges.size())]
                          : std::uniform_real_distribution<double>(-1e6, 1e6)(engine_);
  }
  void fill(std::string& value) {
    constexpr std::array<const char*, 7> kPieces = {"a", "\"", "\\", "\n\t", "\x01", "ü€", "</x>"};
    value.clear();
    for (std::size_t i = below(6); i > 0; --i) value += kPieces[below(kPieces.size())];
  }
  template <std::integral T>
  void fill(T& value) {
    const std::array<T, 3> edges = {0, std::numeric_limits<T>::max(),
                                    std::numeric_limits<T>::min()};
    value = below(3) == 0 ? edges[below(edges.size())] : static_cast<T>(engine_());
  }
  template <class Tag>
  void fill(Id<Tag>& id) {
    fill(id.value);
  }
  template <class Clock, class Unit>
  void fill(std::chrono::time_point<Clock, Unit>& value) {
    value = std::chrono::time_point<Clock, Unit>(Unit(static_cast<std::int64_t>(engine_())));
  }
  template <class Rep, class Period>
  void fill(std::chrono::duration<Rep, Period>& value) {
    value = std::chrono::duration<Rep, Period>(static_cast<std::int32_t>(engine_()));
  }
  void fill(ParameterValue& value) {
    switch (below(4)) {
      case 0: value = below(2) == 1; return;
      case 1: return fill(value.emplace<std::int64_t>());
      case 2: value = static_cast<double>(below(5)) * (below(2) == 1 ? 1 : 1e-7); return;
      default: return fill(value.emplace<std::string>());
    }
  }
  template <class T>
  requires std::is_enum_v<T>
  void fill(T& value) {
    constexpr std::size_t kCount =
        boost::mp11::mp_size<boost::describe::describe_enumerators<T>>::value;
    value = static_cast<T>(below(kCount));
  }
  template <class T>
  void fill(std::optional<T>& value) {
    value.reset();
    if (below(2) == 1) fill(value.emplace());
  }
  template <class T>
  void fill(std::vector<T>& values) {
    values.assign(below(4), T{});
    for (T& value : values) fill(value);
  }
  template <class T, std::size_t N>
  void fill(std::array<T, N>& values) {
    for (T& value : values) fill(value);
  }
  template <class T>
  void fill(std::set<T>& values) {
    values.clear();
    for (std::size_t i = below(4); i > 0; --i) values.insert(make<T>());
  }
  template <class Key, class T>
  void fill(std::map<Key, T>& values) {
    values.clear();
    for (std::size_t i = below(4); i > 0; --i) fill(values[make<Key>()]);
  }
  void fill(coordinator::SpecDocument& document) {
    document.text = "name: n" + std::to_string(below(100)) + "\ncommand: \"true\"\n";
    document.overrides.clear();
    if (below(2) == 1) document.overrides.push_back("name=other");
    spec::ParseResult result = spec::parse(document.text, document.overrides);
    document.parsed = std::make_shared<const JobSpec>(result.spec.value());
  }
  template <class T>
  requires(boost::describe::has_describe_members<T>::value &&
           !std::is_enum_v<T>) void fill(T& object) {
    boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>(
        [&](auto member) { fill(object.*member.pointer); });
  }

  template <class T>
  T make() {
    T value{};
    fill(value);
    return value;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace dl::runtime::journal::testing
