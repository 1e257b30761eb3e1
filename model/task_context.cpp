#include "model/task_context.h"

#include <boost/json.hpp>
#include <limits>
#include <optional>

namespace dl {
namespace {

namespace json = boost::json;

// Reads the fields of one JSON object and keeps the first thing that is wrong, under the field's
// whole name ("cluster.members[2].port").
class FieldReader {
 public:
  FieldReader(const json::value& value, std::string name, std::optional<Error>& error)
      : name_(std::move(name)), error_(error), object_(value.if_object()) {
    if (object_ == nullptr) fail(name_, "must be an object");
  }

  void read(std::string_view key, std::string& out) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    const json::string* text = value->if_string();
    if (text == nullptr) return fail(name_of(key), "must be a string");
    out.assign(text->data(), text->size());
  }

  template <class Unsigned>
  requires std::is_unsigned_v<Unsigned>
  void read(std::string_view key, Unsigned& out) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    boost::system::error_code not_exact;
    const auto number = value->to_number<Unsigned>(not_exact);
    if (!not_exact && value->is_number() && !value->is_double()) {
      out = number;
    } else {
      fail(name_of(key), "must be a whole number from 0 to " +
                             std::to_string(std::numeric_limits<Unsigned>::max()));
    }
  }

  void read(std::string_view key, Role& out) {
    std::string word;
    read(key, word);
    if (error_) return;
    if (const auto role = role_from_string(word)) {
      out = *role;
    } else {
      fail(name_of(key),
           "is \"" + word + "\", which is no role; chief, worker, ps and evaluator are");
    }
  }

  void read(std::string_view key, TaskId& out) {
    std::string text;
    read(key, text);
    if (error_) return;
    const auto id = task_id_from_string(text);
    if (id) {
      out = *id;
    } else {
      fail(name_of(key), id.error().message);
    }
  }

  bool has(std::string_view key) const { return !error_ && object_->contains(key); }

  // The value of `key`, or null once something is wrong.
  const json::value* find(std::string_view key) {
    if (error_) return nullptr;
    const json::value* value = object_->if_contains(key);
    if (value == nullptr) fail(name_of(key), "is missing");
    return value;
  }

  std::string name_of(std::string_view key) const {
    return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
  }

  void fail(const std::string& name, const std::string& what) {
    if (!error_) {
      error_ = invalid_argument("the task's context cannot be read: " +
                                (name.empty() ? "the document" : "\"" + name + "\"") + " " + what);
    }
  }

 private:
  std::string name_;
  std::optional<Error>& error_;
  const json::object* object_;
};

json::object json_of(const Member& member) {
  return {{"role", to_string(member.role)},
          {"index", member.index},
          {"rank", member.rank},
          {"node", member.node},
          {"host", member.host},
          {"port", member.port},
          {"local_rank", member.local_rank}};
}

json::object json_of(const ClusterSpec& cluster) {
  json::array members;
  for (const Member& member : cluster.members) members.push_back(json_of(member));
  return {{"members", std::move(members)},
          {"master_port", cluster.master_port},
          {"restarts", cluster.restarts},
          {"max_restarts", cluster.max_restarts},
          {"run_id", cluster.run_id}};
}

Member member_from(const json::value& value, std::string name, std::optional<Error>& error) {
  Member member;
  FieldReader reader(value, std::move(name), error);
  reader.read("role", member.role);
  reader.read("index", member.index);
  reader.read("rank", member.rank);
  reader.read("node", member.node);
  reader.read("host", member.host);
  reader.read("port", member.port);
  reader.read("local_rank", member.local_rank);
  return member;
}

ClusterSpec cluster_from(const json::value& value, std::optional<Error>& error) {
  ClusterSpec cluster;
  FieldReader reader(value, "cluster", error);
  reader.read("master_port", cluster.master_port);
  reader.read("restarts", cluster.restarts);
  reader.read("max_restarts", cluster.max_restarts);
  reader.read("run_id", cluster.run_id);
  const json::value* members = reader.find("members");
  if (members == nullptr) return cluster;
  const json::array* list = members->if_array();
  if (list == nullptr) {
    reader.fail("cluster.members", "must be a list");
    return cluster;
  }
  for (const json::value& member : *list) {
    const std::string index = std::to_string(cluster.members.size());
    cluster.members.push_back(member_from(member, "cluster.members[" + index + "]", error));
  }
  return cluster;
}

}  // namespace

std::string to_json(const TaskContext& context) {
  return json::serialize(json::object{{"task", to_string(context.task)},
                                      {"job_name", context.job_name},
                                      {"cluster", json_of(context.cluster)},
                                      {"secret", context.secret},
                                      {"spec", context.spec},
                                      {"artifact_dir", context.artifact_dir},
                                      {"control_socket", context.control_socket},
                                      {"resume_checkpoint", context.resume_checkpoint},
                                      {"inherited_checkpoint", context.inherited_checkpoint}});
}

// Fields that are not known are let be: a newer coordinator may say more.
Result<TaskContext> task_context_from_json(std::string_view text) {
  boost::system::error_code syntax;
  const json::value document = json::parse(text, syntax);
  if (syntax) {
    return invalid_argument("the task's context cannot be read: it is not JSON: " +
                            syntax.message());
  }
  TaskContext context;
  std::optional<Error> error;
  FieldReader reader(document, "", error);
  reader.read("task", context.task);
  reader.read("job_name", context.job_name);
  if (const json::value* cluster = reader.find("cluster")) {
    context.cluster = cluster_from(*cluster, error);
  }
  reader.read("secret", context.secret);
  reader.read("spec", context.spec);
  reader.read("artifact_dir", context.artifact_dir);
  reader.read("control_socket", context.control_socket);
  reader.read("resume_checkpoint", context.resume_checkpoint);
  if (reader.has("inherited_checkpoint")) {
    reader.read("inherited_checkpoint", context.inherited_checkpoint);
  }
  if (error) return *std::move(error);
  return context;
}

}  // namespace dl
