// The control group of one app: its budgets, and what became of them.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

inline constexpr ErrorInfo kGroupNotMade{
    "PV-CMP-002", Retry::later, "an app's control group cannot be made",
    "Build the image with its own kernel configuration; see the detail."};

// In each of these an app has its share of a processor; who used it up waits for the next.
inline constexpr std::uint32_t kBudgetPeriodUs = 100'000;

struct AppBudget {
  std::uint64_t memory_bytes_max = 16U << 20U;
  std::uint32_t processes_max = 16;               // threads count
  std::uint32_t cpu_per_mille = 1000;             // of one processor, in each kBudgetPeriodUs
  std::uint32_t open_files_max = 64;              // each process
  std::uint64_t temporary_bytes_max = 1U << 20U;  // of /tmp; counts as memory, too
};

// What the kernel has noted since the group was made.
struct BudgetEvents {
  std::uint64_t memory_reached = 0;     // times that memory had to be taken back at the limit
  std::uint64_t killed_for_memory = 0;  // processes
  std::uint64_t processes_refused = 0;  // forks
  std::uint64_t periods_held_back =
      0;  // of kBudgetPeriodUs, in which it wanted more than its share

  bool operator==(const BudgetEvents&) const = default;
};

// Not thread-safe. The destructor leaves the group alone.
class AppGroup {
 public:
  // Makes `root`/`name`, or takes over an empty one that is there, and sets the budget. `root` has
  // the controllers of memory, pids and cpu. kGroupNotMade.
  static Result<AppGroup> create(const std::string& root, const std::string& name,
                                 const AppBudget& budget);

  // Ends what runs in `root`/`name` and removes it: an earlier launcher's group has the guard of
  // that one. Missing is no error. Blocks for a second at most. kGroupNotMade.
  static Status clear(const std::string& root, const std::string& name);

  // Without any budget, for machines whose controllers are elsewhere: tests.
  static Result<AppGroup> without_controllers(const std::string& root, const std::string& name);

  // While walls are put up: that is not the app's work, and who waits for it has other apps as
  // well. Nothing for a group without budgets. kGroupNotMade.
  Status lift_processor_limit();
  Status set_processor_limit();
  // From now on. kGroupNotMade.
  Status set_budget(const AppBudget& budget);

  int folder() const { return folder_.get(); }
  BudgetEvents events() const;
  std::uint64_t memory_bytes() const;  // in use now, with its file cache; 0: not known
  // False: something still runs in it after so long. Blocks until the kernel says otherwise.
  bool wait_empty(int timeout_ms) const;
  // Ends all of it by SIGKILL. Returns at once. kGroupNotMade.
  Status kill();
  // Removes the empty group. kGroupNotMade, if something still runs in it.
  Status remove();

 private:
  AppGroup(std::string path, UniqueFd folder);

  std::string path_;
  UniqueFd folder_;
  std::uint32_t cpu_per_mille_ = 0;  // 0: it has no budgets
};

}  // namespace pavise::device
