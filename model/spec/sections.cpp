#include <algorithm>

#include "model/spec/keys.h"

namespace dl::spec {
namespace {

void insert(Section& section, const Key& key, std::string_view rest) {
  const auto dot = rest.find('.');
  if (dot == std::string_view::npos) {
    section.keys.push_back(&key);
    return;
  }
  const std::string_view name = rest.substr(0, dot);
  auto found = std::find_if(section.sections.begin(), section.sections.end(),
                            [&](const Section& s) { return s.name == name; });
  if (found == section.sections.end()) {
    section.sections.push_back({name, key.applies_to, {}, {}});
    found = std::prev(section.sections.end());
  }
  insert(*found, key, rest.substr(dot + 1));
}

Section build_sections() {
  Section root;
  for (const Key& key : keys()) insert(root, key, key.path);
  return root;
}

}  // namespace

const Section* Section::section(std::string_view key) const {
  for (const Section& candidate : sections) {
    if (candidate.name == key) return &candidate;
  }
  return nullptr;
}

const Key* Section::key(std::string_view name_of_key) const {
  for (const Key* candidate : keys) {
    if (last_part(candidate->path) == name_of_key) return candidate;
  }
  return nullptr;
}

std::vector<std::string_view> Section::names() const {
  std::vector<std::string_view> names;
  for (const Key* candidate : keys) names.push_back(last_part(candidate->path));
  for (const Section& candidate : sections) names.push_back(candidate.name);
  return names;
}

const Section& root_section() {
  static const Section root = build_sections();
  return root;
}

const Key* find_key(std::string_view path) {
  const Section* section = &root_section();
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    const std::string_view name = path.substr(0, dot);
    path.remove_prefix(dot + 1);
    const Section* inner = name == "*" ? nullptr : section->section(name);
    if (inner == nullptr && role_from_string(name)) inner = section->section("*");
    if (inner == nullptr) return nullptr;
    section = inner;
  }
  return section->key(path);
}

}  // namespace dl::spec
