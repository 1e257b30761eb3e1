#include "daemon/runtime/journal/codec.h"

#include "daemon/coordinator/apply.h"
#include "daemon/runtime/journal/json_reader.h"
#include "daemon/runtime/journal/json_writer.h"
#include "model/spec/parse.h"

namespace dl::runtime::journal {
namespace {

using coordinator::Mutation;
using coordinator::SpecDocument;

// In the order of Mutation. A word that was once released never changes.
constexpr std::array kMutationWords = std::to_array<std::string_view>({
    "job_submitted",      "job_stopping",        "job_ended",
    "attempt_placed",     "attempt_stopping",    "attempt_blamed",
    "attempt_ended",      "task_updated",        "trial_reported",
    "node_connected",     "node_ports_offered",  "node_state_changed",
    "node_drained",       "submissions_expired", "backoff_ended",
    "node_foreign_tasks", "seed_drawn",          "queue_blocked",
    "trial_created",      "trial_resumed",       "objectives_incomplete",
    "trial_measured",     "trial_judged",        "trial_ended",
    "search_paused",      "search_resumed",      "search_extended",
    "search_over",
});
static_assert(kMutationWords.size() == std::variant_size_v<Mutation>,
              "every kind of mutation has its word");

// Gives `document` its parsed form. Jobs are often submitted alike, hence the memory of the last.
class SpecParser {
 public:
  Result<void> parse(SpecDocument& document) {
    if (last_.parsed && last_ == document) {
      document.parsed = last_.parsed;
      return {};
    }
    spec::ParseResult result = spec::parse(document.text, document.overrides);
    if (!result.spec) {
      return Error{Code::kDataLoss, "its spec document is not valid any more: " +
                                        spec::to_string(result.problems, "spec")};
    }
    document.parsed = std::make_shared<const JobSpec>(*std::move(result.spec));
    last_ = document;
    return {};
  }

 private:
  SpecDocument last_;
};

// Decodes the alternative whose word `name` is.
template <std::size_t I = 0>
bool read_alternative(JsonReader& reader, std::string_view name, Mutation& mutation) {
  if constexpr (I == std::variant_size_v<Mutation>) {
    return false;
  } else {
    if (kMutationWords[I] != name) return read_alternative<I + 1>(reader, name, mutation);
    reader.read(mutation.emplace<I>());
    return true;
  }
}

}  // namespace

void encode(const Mutation& mutation, std::string& out) {
  out.append("{\"").append(kMutationWords[mutation.index()]).append("\":");
  std::visit([&](const auto& kind) { JsonWriter(out).write(kind); }, mutation);
  out += '}';
}

void encode(const coordinator::State& state, std::string& out) { JsonWriter(out).write(state); }

void encode(const coordinator::Job& job, std::string& out) { JsonWriter(out).write(job); }

Result<Mutation> decode_mutation(std::string_view json) {
  JsonReader reader(json);
  Mutation mutation;
  bool known = false;
  reader.members([&](const std::string& name) {
    known = read_alternative(reader, name, mutation);
    if (!known) reader.fail("a kind of mutation that this version knows, not \"" + name + "\"");
  });
  reader.expect_end();
  if (reader.ok() && !known) reader.fail("a mutation");
  if (!reader.ok()) return reader.error();
  if (auto* submitted = std::get_if<coordinator::JobSubmitted>(&mutation)) {
    if (auto parsed = SpecParser{}.parse(submitted->document); !parsed) {
      return with_context("job " + to_string(submitted->job), parsed.error());
    }
  }
  return mutation;
}

Result<coordinator::State> decode_state(std::string_view json) {
  JsonReader reader(json);
  coordinator::State state;
  reader.read(state);
  reader.expect_end();
  if (!reader.ok()) return reader.error();
  SpecParser parser;
  for (auto& [id, job] : state.jobs) {
    if (auto parsed = parser.parse(job.document); !parsed) {
      return with_context("job " + to_string(id), parsed.error());
    }
  }
  rebuild_index(state);
  return state;
}

Result<coordinator::Job> decode_finished_job(std::string_view json, Documents documents) {
  JsonReader reader(json);
  coordinator::Job job;
  reader.read(job);
  reader.expect_end();
  if (!reader.ok()) return reader.error();
  const bool wanted = documents == Documents::kAll || job.search.has_value();
  if (!wanted || !SpecParser{}.parse(job.document)) {
    job.document.parsed = std::make_shared<const JobSpec>();
  }
  return job;
}

}  // namespace dl::runtime::journal
