#include "model/spec/wandb/distribution.h"

#include <cmath>

#include "model/spec/build.h"
#include "model/spec/dialect/native_job.h"
#include "model/spec/values.h"

namespace dl::spec::wandb {
namespace {

bool is_whole(const Node& node) {
  return node.text.find_first_of(".eE") == std::string::npos && parse_real(node.text).has_value();
}

// e to the power of a range's end; what is no number stays for the reader to refuse.
Node exp_of(const Node& exponent, double sign) {
  const auto x = parse_real(exponent.text);
  if (!x) return exponent;
  Node node = plain(format_real(std::exp(sign * *x)));
  node.mark = exponent.mark;
  return node;
}

class Reader {
 public:
  explicit Reader(Fields& fields) : fields_(fields) {}

  Node read() {
    auto name = fields_.take_word(
        "distribution",
        {"constant", "categorical", "categorical_w_probabilities", "int_uniform", "uniform",
         "q_uniform", "log_uniform", "log_uniform_values", "q_log_uniform", "q_log_uniform_values",
         "inv_log_uniform", "inv_log_uniform_values", "normal", "q_normal", "log_normal",
         "q_log_normal", "beta", "q_beta"});
    const bool is_unknown = !name && find_field(fields_.node(), "distribution") != nullptr;
    value_ = fields_.take("value");
    values_ = fields_.take("values");
    low_ = fields_.take("min");
    high_ = fields_.take("max");
    if (is_unknown) {
      for (const char* other : {"probabilities", "mu", "sigma", "q", "a", "b"}) fields_.take(other);
      return {};
    }
    if (!name) name = implied();
    if (!name) {
      fields_.fail(fields_.node().mark, "", "says no values; give value, values, or min and max");
      return {};
    }
    return read_named(*name);
  }

 private:
  // Without a distribution the fields say which.
  std::optional<std::string_view> implied() const {
    if (value_ != nullptr) return "constant";
    if (values_ != nullptr)
      return find_field(fields_.node(), "probabilities") != nullptr ? "categorical_w_probabilities"
                                                                    : "categorical";
    if (low_ != nullptr && high_ != nullptr)
      return is_whole(low_->value) && is_whole(high_->value) ? "int_uniform" : "uniform";
    if (find_field(fields_.node(), "mu") != nullptr) return "normal";
    return std::nullopt;
  }

  Node read_named(std::string_view name) {
    if (name == "constant") return constant();
    if (name.starts_with("categorical")) return categorical();
    if (name == "beta" || name == "q_beta") {
      for (const char* field : {"a", "b", "q"}) fields_.take(field);
      fields_.fail(fields_.node().mark, "distribution",
                   quoted(name) + " is not supported; take uniform, or normal with min and max");
      return {};
    }
    const bool quantized = name.starts_with("q_");
    if (quantized) name.remove_prefix(2);
    Node node = name.ends_with("normal") ? normal(name) : range(name);
    if (node.kind == Node::Kind::kNull) return node;
    const Entry* step = fields_.take("q");
    if (quantized)
      put(node, "step", step != nullptr ? step->value : plain("1"), fields_.node().mark);
    return node;
  }

  Node constant() {
    if (value_ == nullptr) {
      fields_.miss("value", "a constant has one");
      return {};
    }
    if (value_->value.kind == Node::Kind::kScalar) return value_->value;
    return with_values(list({value_->value}), *value_);
  }

  static Node with_values(Node values, const Entry& entry) {
    Node node = map();
    node.mark = values.mark = entry.value.mark;
    put(node, "values", std::move(values), entry.mark);
    return node;
  }

  Node categorical() {
    if (values_ == nullptr) {
      fields_.miss("values", "list the values");
      return {};
    }
    Node node = with_values(values_->value, *values_);
    if (const Entry* weights = fields_.take("probabilities"))
      put(node, "weights", weights->value, weights->mark);
    return node;
  }

  Node range(std::string_view name) {
    if (low_ == nullptr) fields_.miss("min", "say the lowest value");
    if (high_ == nullptr) fields_.miss("max", "say the highest value");
    if (low_ == nullptr || high_ == nullptr) return {};
    const Node &low = low_->value, &high = high_->value;
    if (name == "int_uniform") return range_of("int", low, high);
    if (name == "uniform") return range_of("double", low, high);
    if (name == "log_uniform") return range_of("log", exp_of(low, 1), exp_of(high, 1));
    if (name == "inv_log_uniform") return range_of("log", exp_of(high, -1), exp_of(low, -1));
    return range_of("log", low, high);
  }

  Node normal(std::string_view name) {
    const Entry* mu = fields_.take("mu");
    const Entry* sigma = fields_.take("sigma");
    Node node = range_of(name == "log_normal" ? "lognormal" : "normal",
                         mu != nullptr ? mu->value : plain("0"),
                         sigma != nullptr ? sigma->value : plain("1"));
    if (node.mark.line == 0) node.mark = fields_.node().mark;
    if (low_ != nullptr) put(node, "low", low_->value, low_->mark);
    if (high_ != nullptr) put(node, "high", high_->value, high_->mark);
    return node;
  }

  Fields& fields_;
  const Entry* value_ = nullptr;
  const Entry* values_ = nullptr;
  const Entry* low_ = nullptr;
  const Entry* high_ = nullptr;
};

}  // namespace

Node read_distribution(Fields& fields) { return Reader(fields).read(); }

}  // namespace dl::spec::wandb
