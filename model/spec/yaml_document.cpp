// YAML, by yaml-cpp's events: its own tree has neither a bound on aliases nor a trace of
// duplicate keys.

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>

#include "model/spec/document.h"

namespace dl::spec {
namespace {

// Ends the reading of a document; never leaves this file.
struct Abort {
  Mark mark;
  std::string message;
};

Mark mark_of(const YAML::Mark& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

struct Extent {
  std::size_t values = 1;
  std::size_t depth = 1;
};

Extent extent_of(const Node& node) {
  Extent extent;
  const auto add = [&](const Node& child) {
    const Extent inner = extent_of(child);
    extent.values += inner.values;
    extent.depth = std::max(extent.depth, inner.depth + 1);
  };
  for (const Node& item : node.items) add(item);
  for (const Entry& entry : node.entries) add(entry.value);
  return extent;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(Node& root, Problems& problems) : root_(root), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) set_bad_key(mark_of(mark));
    // What is not there has no place of its own: yaml-cpp names that of the next word.
    const bool in_map = !open_.empty() && open_.back().node->is_map();
    remember(anchor, place(in_map ? open_.back().key_mark : mark_of(mark)));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) set_bad_key(mark_of(mark));
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Abort{mark_of(mark), "an alias refers to what contains it"};
    const Extent extent = extent_of(found->second);
    count(extent.values, mark_of(mark));
    check_depth(open_.size() + extent.depth, mark_of(mark));
    place(mark_of(mark)) = found->second;
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool as_text = is_text(tag, mark_of(mark));
    if (expects_key()) return set_key(mark_of(mark), value);
    Node& node = place(mark_of(mark));
    if (as_text || !is_null_word(value)) {
      node.kind = Node::Kind::kScalar;
      node.quoted = as_text;
      node.text = value;
    }
    remember(anchor, node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kList, mark_of(mark), tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark_of(mark), tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  // A list or map that is being read. Its node does not move before it is closed: what contains
  // it grows only then.
  struct Open {
    Node* node;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key;
    Mark key_mark;
  };

  bool expects_key() const {
    return !open_.empty() && open_.back().node->is_map() && !open_.back().has_key;
  }

  void set_key(const Mark& mark, const std::string& key) {
    count(1, mark);
    Open& map = open_.back();
    if (key == "<<") {
      problems_.add(mark, join_path(path(), key),
                    "merge keys are not supported; write the keys out");
    } else {
      if (map.node->find(key) != nullptr) check_duplicate(*map.node, path(), key, mark, problems_);
    }
    map.key = key;
    map.key_mark = mark;
    map.has_key = true;
  }

  [[noreturn]] static void set_bad_key(const Mark& mark) {
    throw Abort{mark, "a key must be plain text; is a bracket left open?"};
  }

  // Of the innermost open map or list.
  std::string path() const {
    std::string path;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const Node& node = *open_[i].node;
      if (node.is_map()) {
        path = join_path(path, node.entries.back().key);
      } else {
        path += "[" + std::to_string(node.items.size() - 1) + "]";
      }
    }
    return path;
  }

  // The node for the next value, where the innermost open list or map wants it.
  Node& place(const Mark& mark) {
    count(1, mark);
    Node* node = &root_;
    if (!open_.empty()) {
      Open& parent = open_.back();
      if (parent.node->is_map()) {
        parent.has_key = false;
        node = &parent.node->entries.emplace_back(Entry{std::move(parent.key), parent.key_mark, {}})
                    .value;
      } else {
        node = &parent.node->items.emplace_back();
      }
    }
    node->mark = mark;
    return *node;
  }

  void open(Node::Kind kind, const Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (expects_key()) set_bad_key(mark);
    is_text(tag, mark);
    check_depth(open_.size() + 1, mark);
    Node& node = place(mark);
    node.kind = kind;
    open_.push_back({&node, anchor, false, {}, {}});
  }

  void close() {
    const Open closed = std::move(open_.back());
    open_.pop_back();
    remember(closed.anchor, *closed.node);
  }

  void remember(YAML::anchor_t anchor, const Node& node) {
    if (anchor == YAML::NullAnchor) return;
    count(extent_of(node).values, node.mark);
    anchors_[anchor] = node;
  }

  // Whether a value with this tag is text whatever it looks like. Tags of programs are refused.
  bool is_text(const std::string& tag, const Mark& mark) {
    if (tag == "!") return true;
    if (tag.empty() || tag == "?") return false;
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    if (tag.starts_with(kCore)) {
      const std::string_view name = std::string_view(tag).substr(kCore.size());
      if (name == "str") return true;
      for (const char* known : {"int", "float", "bool", "null", "map", "seq"}) {
        if (name == known) return false;
      }
      problems_.add(mark, "",
                    "tag " + quoted("!!" + std::string(name)) + " is not supported; remove it");
    } else {
      problems_.add(mark, "", "tag " + quoted(tag) + " is not supported; remove it");
    }
    return false;
  }

  void count(std::size_t values, const Mark& mark) {
    values_ += values;
    if (values_ > kValuesMax) {
      throw Abort{mark, "the document has more than " + std::to_string(kValuesMax) +
                            " values, aliases expanded; write less"};
    }
  }

  void check_depth(std::size_t depth, const Mark& mark) {
    if (depth > kDepthMax) {
      throw Abort{mark,
                  "the document is nested deeper than " + std::to_string(kDepthMax) + " levels"};
    }
  }

  Node& root_;
  Problems& problems_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t values_ = 0;
};

// Says what is wrong in the document's terms where yaml-cpp speaks in its own.
std::string explain(const YAML::ParserException& error, std::string_view text) {
  std::size_t start = 0;
  for (int line = 0; line < error.mark.line && start != std::string_view::npos; ++line) {
    start = text.find('\n', start);
    if (start != std::string_view::npos) ++start;
  }
  if (start != std::string_view::npos) {
    const std::string_view line = text.substr(start, text.find('\n', start) - start);
    const auto indent = line.substr(0, line.find_first_not_of(" \t"));
    if (indent.find('\t') != std::string_view::npos) {
      return "not valid YAML: a tab cannot indent; use spaces";
    }
  }
  if (error.msg == "illegal map value") {
    return "not valid YAML: a second \":\" in one line; put text that has \": \" in quotes";
  }
  return "not valid YAML: " + error.msg;
}

}  // namespace

bool read_yaml(std::string_view text, Node& root, Problems& problems) {
  TreeBuilder builder(root, problems);
  try {
    // Without a last line break yaml-cpp takes a bracket that is not closed for a key.
    std::istringstream stream(std::string(text) + (text.ends_with('\n') ? "" : "\n"));
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder) || root.kind == Node::Kind::kNull) {
      problems.add({1, 1}, "", "the document is empty; a job needs a model or a command");
      return false;
    }
    Node second;
    TreeBuilder other(second, problems);
    if (parser.HandleNextDocument(other)) {
      problems.add(second.mark, "", "a second document begins here; submit one document a job");
      return false;
    }
    return true;
  } catch (const YAML::ParserException& error) {
    problems.add(mark_of(error.mark), "", explain(error, text));
  } catch (const YAML::Exception& error) {
    problems.add(mark_of(error.mark), "", "not valid YAML: " + error.msg);
  } catch (const Abort& abort) {
    problems.add(abort.mark, "", abort.message);
  }
  return false;
}

}  // namespace dl::spec
