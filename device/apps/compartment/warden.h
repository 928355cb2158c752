// Process 1 of a compartment.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "common/sandbox/sandbox.h"

namespace pavise::device {

// What it writes when the app has ended, in one piece: the wait status of waitpid(2).
using WaitStatus = std::int32_t;

// What it keeps: it waits, sends a signal, writes the status. `filter` is of make_warden_filter().
sandbox::SandboxPolicy warden_policy(uid_t user, std::span<const sock_filter> filter);

// Has the warden end with the process that started it: without the launcher nobody would hold the
// app to its budgets and its owner's word. After it is behind its walls, and before the program
// runs, which may set its warden's limits. False: the launcher is gone.
bool end_with_launcher(int report);

// Waits for `app`, taking in orphans, and passes on SIGTERM; then writes the WaitStatus to
// `report` and ends, which ends what is left in the namespace. SIGTERM must be blocked before `app`
// is forked, so that none gets lost.
[[noreturn]] void guard_app(pid_t app, int report);

}  // namespace pavise::device
