// What the journal stores, as text: mutations, states and jobs ↔ JSON.
//
// A mutation is an object with one member, named by its kind: {"job_ended":{"job":42,…}}.
// decode(encode(x)) == x. An older journal reads: a missing member keeps its default. A kind
// that is not known is an error: it was written by a newer version, and skipping it would be wrong.

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "daemon/coordinator/mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::runtime::journal {

// Appends to `out`.
void encode(const coordinator::Mutation& mutation, std::string& out);
void encode(const coordinator::State& state, std::string& out);
void encode(const coordinator::Job& job, std::string& out);

// Errors are kDataLoss and say where the text is wrong. Spec documents are parsed again; of live
// jobs they must still be valid.
Result<coordinator::Mutation> decode_mutation(std::string_view json);
// With its index.
Result<coordinator::State> decode_state(std::string_view json);
// Of a finished job, which is read even when its document is no longer valid. Its parsed form is
// empty then, and with kOfSearches, which is for lists, unless its trials are to be understood.
enum class Documents { kAll, kOfSearches };
Result<coordinator::Job> decode_finished_job(std::string_view json, Documents documents);

}  // namespace dl::runtime::journal
