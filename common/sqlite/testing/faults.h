// Faults below SQLite, in its file layer: killed at any write or flush, disk full, failing disk.
#pragma once

#include <atomic>

namespace pavise::sqlite::testing {

enum class Fault { none, kill, kill_torn, disk_full, io_error };

// Counts the writes, flushes and truncations of all files and fails from the n-th on (kill: ends
// the process there, as kill -9 does).
struct Plan {
  Fault fault = Fault::none;
  int at = 0;
  int seen = 0;
};
extern Plan plan;

// Flushes of write-ahead logs that were carried out, always counted. A killed process leaves the
// page cache, so only this tells whether a commit would survive a loss of power.
extern std::atomic<int> wal_flushes;

// From now on every database of this process is opened through the faulty file layer. Idempotent.
void install_faults();

}  // namespace pavise::sqlite::testing
