// Starts one app behind its walls.
//
//   PAVISE_TRY_ASSIGN(AppGroup group, AppGroup::create(kCgroupRoot, "blink", budget));
//   PAVISE_TRY_ASSIGN(Compartment blink, Compartment::start(spec, group));
//   ... poll blink.end_descriptor() and blink.output() ...
//   PAVISE_TRY_ASSIGN(const Ending ending, blink.wait());
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "device/apps/compartment/app_group.h"
#include "device/apps/compartment/app_root.h"

namespace pavise::device {

inline constexpr ErrorInfo kAppNotStarted{
    "PV-CMP-004", Retry::later, "an app cannot be started",
    "See the detail: the step that failed and the kernel's reason."};
inline constexpr ErrorInfo kAppLost{"PV-CMP-005", Retry::never, "nobody knows how an app ended",
                                    "It was ended from outside with all its processes; see what "
                                    "its control group counted."};

inline constexpr uid_t kFirstAppUid = 1000;  // those of the system's own programs are below

inline constexpr int kFirstDescriptor = 3;
inline constexpr int kNoDescriptor = -1;

struct CompartmentSpec {
  std::string name;  // also its host name
  uid_t user = 0;    // and group; kFirstAppUid or above, and nobody else's (checked)
  AppRootSpec root;
  std::vector<std::string> arguments;  // the first is the program, a path inside the image
  std::vector<std::string> environment;
  bool network = false;  // the machine's network, behind the group's guard; else none
  std::uint32_t open_files_max = 64;
  std::vector<sock_filter> filter;  // of make_app_filter()
  // Become kFirstDescriptor and those that follow; where kNoDescriptor stands the app has none.
  std::vector<int> descriptors;
  int console = -1;  // becomes standard input and output; -1: empty, and the output
  // A debugger writes into its debuggees through /proc, which no app may otherwise.
  bool debugger = false;
};

struct Ending {
  bool by_signal = false;
  int code = 0;  // exit code or signal

  bool forbidden_call() const;  // the system call filter ended it
};

// A running app. Not thread-safe. The destructor ends it.
class Compartment {
 public:
  // Returns when the app's program runs or cannot: it blocks for some milliseconds. Needs root.
  // Call it from the only thread (it forks). kAppNotStarted, with the step that failed.
  static Result<Compartment> start(const CompartmentSpec& spec, const AppGroup& group);
  ~Compartment();
  Compartment(Compartment&&) = default;
  Compartment& operator=(Compartment&&) = delete;

  pid_t warden() const { return pid_; }
  int end_descriptor() const { return process_.get(); }  // readable when it has ended
  int output() const { return output_.get(); }           // what it prints, non-blocking

  void ask_to_end();  // SIGTERM to the app's first process
  void kill();        // SIGKILL to all of it
  // Blocks until it has ended. kAppLost.
  Result<Ending> wait();

 private:
  Compartment(pid_t pid, UniqueFd process, UniqueFd output, UniqueFd report);

  pid_t pid_;
  UniqueFd process_;
  UniqueFd output_;
  UniqueFd report_;
};

}  // namespace pavise::device
