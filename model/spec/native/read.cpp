#include "model/spec/native/read.h"

#include <algorithm>

#include "model/spec/keys.h"
#include "model/spec/native/read_value.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

constexpr std::array<Role, 4> kRoles = {Role::kChief, Role::kWorker, Role::kPs, Role::kEvaluator};

// "a, b, c"
std::string listed(const std::vector<std::string_view>& names) {
  std::string text;
  for (const auto name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

// Walks the document along the table of keys.
class JobReader {
 public:
  JobReader(const Node& root, Problems& problems) : root_(root), problems_(problems) {
    has_model_ = root.find("model") != nullptr;
    has_command_ = root.find("command") != nullptr || root.find("roles") != nullptr;
  }

  JobSpec read() {
    worker_.role = Role::kWorker;
    read_section(root_section(), root_, "", worker_);
    default_cpus(root_.find("resources"), worker_);
    // Without this a command alone would look like a model.
    if (!has_model_) job_.model.reset();
    fill_roles();
    return std::move(job_);
  }

 private:
  void read_section(const Section& section, const Node& map, const std::string& path,
                    RoleSpec& role) {
    for (const Entry& entry : map.entries) {
      if (entry.key == "<<") continue;  // Reported when the document was read.
      const std::string name = join_path(path, entry.key);
      if (const Section* inner = section.section(entry.key); inner != nullptr && entry.key != "*") {
        if (fits(inner->applies_to, entry, name)) read_inner(*inner, entry, name, role);
      } else if (const Key* key = section.key(entry.key)) {
        if (fits(key->applies_to, entry, name)) {
          read_value(*key, entry.value, name, Target{job_, role}, problems_);
        }
      } else {
        refuse_unknown(section, entry, name);
      }
    }
  }

  void read_inner(const Section& section, const Entry& entry, const std::string& name,
                  RoleSpec& role) {
    if (entry.value.kind == Node::Kind::kNull) return;  // "train:" with nothing below it.
    if (!entry.value.is_map()) {
      const bool is_roles = &section == root_section().section("roles");
      const std::string keys = is_roles ? "chief, worker, ps, evaluator" : listed(section.names());
      const std::string shown =
          entry.value.kind == Node::Kind::kList ? "a list" : quoted(entry.value.text);
      problems_.add(entry.value.mark, name, "must be a mapping of " + keys + ", not " + shown);
    } else if (const Section* each = section.section("*")) {
      read_roles(*each, entry.value, name);
    } else {
      read_section(section, entry.value, name, role);
    }
  }

  void read_roles(const Section& each, const Node& map, const std::string& path) {
    for (const Entry& entry : map.entries) {
      const auto role = role_from_string(entry.key);
      if (!role) {
        refuse_role(entry, join_path(path, entry.key));
        continue;
      }
      RoleSpec spec;
      spec.role = *role;
      read_inner(each, entry, join_path(path, entry.key), spec);
      default_cpus(&entry, spec);
      job_.roles.push_back(std::move(spec));
    }
  }

  // A task with GPUs takes no CPU slot unless it asks for one.
  static void default_cpus(const Entry* section, RoleSpec& role) {
    const bool asked = section != nullptr && section->value.find("cpus") != nullptr;
    if (!asked && role.resources.gpus > 0) role.resources.cpus = 0;
  }

  void fill_roles() {
    if (has_model_) {
      worker_.count = job_.strategy.workers;
      job_.roles = {worker_};
      if (has_servers(job_.strategy)) {
        RoleSpec server;
        server.role = Role::kPs;
        server.count = job_.strategy.servers;
        job_.roles.push_back(server);
      }
    } else if (root_.find("roles") == nullptr) {
      job_.roles = {worker_};
    }
    std::sort(job_.roles.begin(), job_.roles.end(),
              [](const RoleSpec& a, const RoleSpec& b) { return a.role < b.role; });
  }

  // Whether a key belongs into this kind of job. Says so where it does not; a document that is
  // both or neither has a problem of its own.
  bool fits(AppliesTo applies_to, const Entry& entry, const std::string& name) {
    if (has_model_ == has_command_) return true;
    if (applies_to == AppliesTo::kModel && !has_model_) {
      problems_.add(entry.mark, name,
                    "belongs to a model; a command is told such things by its own arguments");
      return false;
    }
    if (applies_to == AppliesTo::kCommand && !has_command_) {
      problems_.add(entry.mark, name, "belongs to a command, and this job trains a model");
      return false;
    }
    return true;
  }

  void refuse_unknown(const Section& section, const Entry& entry, const std::string& name) {
    std::string meant(nearest(entry.key, section.names()));
    if (meant.empty()) meant = path_with_last_part(entry.key);
    const std::string advice = meant.empty() ? "; known here: " + listed(section.names())
                                             : "; did you mean " + quoted(meant) + "?";
    problems_.add(entry.mark, name, "unknown key " + quoted(entry.key) + advice);
  }

  // "train.epochs" for "epochs", where a key was written outside its section.
  static std::string path_with_last_part(std::string_view name) {
    for (const Key& key : keys()) {
      if (last_part(key.path) == name && key.path.find('*') == std::string_view::npos) {
        return std::string(key.path);
      }
    }
    return {};
  }

  void refuse_role(const Entry& entry, const std::string& name) {
    std::vector<std::string_view> words;
    for (const Role role : kRoles) words.push_back(to_string(role));
    const std::string_view meant = entry.key == "master" ? "chief" : nearest(entry.key, words);
    problems_.add(entry.mark, name,
                  "unknown role " + quoted(entry.key) +
                      (meant.empty() ? "; the roles are " + listed(words)
                                     : "; did you mean " + quoted(meant) + "?"));
  }

  const Node& root_;
  Problems& problems_;
  JobSpec job_;
  RoleSpec worker_;  // Of a model, and of a command without roles.
  bool has_model_ = false;
  bool has_command_ = false;
};

}  // namespace

JobSpec read_job(const Node& root, Problems& problems) { return JobReader(root, problems).read(); }

const Entry* find_entry(const Node& root, std::string_view path) {
  const auto dot = path.find('.');
  const Entry* entry = root.find(path.substr(0, dot));
  if (entry == nullptr || dot == std::string_view::npos) return entry;
  return find_entry(entry->value, path.substr(dot + 1));
}

Mark place_of(const Node& root, std::string_view path) {
  while (!path.empty()) {
    if (const Entry* entry = find_entry(root, path)) return entry->mark;
    const auto dot = path.rfind('.');
    path = path.substr(0, dot == std::string_view::npos ? 0 : dot);
  }
  return root.mark;
}

}  // namespace dl::spec::native
