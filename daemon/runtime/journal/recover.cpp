// How SqliteJournal finds the state again: the newest whole snapshot and the mutations after it.

#include "daemon/coordinator/apply.h"
#include "daemon/runtime/journal/checksum.h"
#include "daemon/runtime/journal/codec.h"
#include "daemon/runtime/journal/sqlite_journal.h"

namespace dl::runtime::journal {

using coordinator::State;

Result<State> SqliteJournal::recover() {
  abandon_snapshot();
  DL_TRY(State state, newest_snapshot());
  snapshot_seq_ = last_seq_;
  DL_CHECK(replay(state));
  DL_TRY(const std::int64_t last_event, database_.ask("SELECT max(id) FROM events"));
  next_event_ = static_cast<std::uint64_t>(last_event) + 1;
  return state;
}

Result<State> SqliteJournal::newest_snapshot() {
  DL_TRY(const std::vector<Mark> candidates, marks());
  last_seq_ = 0;
  if (candidates.empty()) return State{};
  std::string reasons;
  for (const Mark& mark : candidates) {
    Result<State> state = read_snapshot(mark);
    if (state) {
      last_seq_ = mark.seq;
      return state;
    }
    reasons += (reasons.empty() ? "" : "; ") + state.error().message;
  }
  return damaged("every snapshot is damaged", reasons);
}

Result<std::vector<SqliteJournal::Mark>> SqliteJournal::marks() {
  std::vector<Mark> marks;
  DL_TRY(Statement rows, database_.prepare("SELECT seq, parts, checksum FROM snapshot_marks"
                                           " ORDER BY seq DESC"));
  while (true) {
    DL_TRY(const bool more, rows.step());
    if (!more) return marks;
    marks.push_back({rows.number(0), rows.number(1), rows.number(2)});
  }
}

Result<State> SqliteJournal::read_snapshot(const Mark& mark) {
  std::string text;
  std::uint64_t parts = 0;
  DL_TRY(Statement rows,
         database_.prepare("SELECT data FROM snapshots WHERE seq = ? ORDER BY part"));
  rows.bind(1, mark.seq);
  while (true) {
    DL_TRY(const bool more, rows.step());
    if (!more) break;
    text += rows.text(0);
    ++parts;
  }
  const std::string name = "snapshot " + std::to_string(mark.seq);
  if (parts != mark.parts || checksum(text) != mark.checksum) {
    return Error{Code::kDataLoss, name + " has a wrong checksum"};
  }
  Result<State> state = decode_state(text);
  if (!state) return with_context(name, state.error());
  return state;
}

Result<void> SqliteJournal::replay(State& state) {
  DL_TRY(Statement rows, database_.prepare("SELECT seq, checksum, mutation FROM journal"
                                           " WHERE seq > ? ORDER BY seq"));
  rows.bind(1, last_seq_);
  while (true) {
    DL_TRY(const bool more, rows.step());
    if (!more) return {};
    const std::uint64_t seq = rows.number(0);
    const std::string entry = "journal entry " + std::to_string(seq);
    if (seq != last_seq_ + 1) {
      return damaged("journal entry " + std::to_string(last_seq_ + 1) + " is missing",
                     "the next is " + std::to_string(seq));
    }
    if (checksum(rows.text(2)) != rows.number(1)) {
      return damaged(entry + " is damaged", "its checksum is wrong");
    }
    auto mutation = decode_mutation(rows.text(2));
    if (!mutation) return damaged(entry + " cannot be read", mutation.error().message);
    coordinator::apply(state, *mutation);
    last_seq_ = seq;
  }
}

Error SqliteJournal::damaged(const std::string& what, const std::string& why) const {
  return {Code::kDataLoss, options_.file.string() + ": " + what + " (" + why +
                               "); restore the file from a backup, or move it away to begin with "
                               "an empty history"};
}

}  // namespace dl::runtime::journal
