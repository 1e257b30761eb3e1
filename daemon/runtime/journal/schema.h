// The tables of <state>/coordinator.db. docs/journal.md describes them.
//
//   journal    the mutations since the older of the kept snapshots, each with a checksum
//   snapshots  the state as JSON, in parts; a snapshot counts once it has its row in snapshot_marks
//   jobs       finished jobs, in full
//   events     the stories of all jobs          metrics   their values

#pragma once

#include "daemon/runtime/journal/database.h"

namespace dl::runtime::journal {

inline constexpr int kSchemaVersion = 1;

// Opens the database for writing, as durable as SQLite can be (WAL, synchronous=FULL), and brings
// its tables up to kSchemaVersion. A database of a newer version is kFailedPrecondition.
Result<Database> open_for_writing(const std::filesystem::path& file);

}  // namespace dl::runtime::journal
