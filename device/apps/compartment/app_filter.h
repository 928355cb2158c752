// Which system calls an app may make.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "common/base/result.h"

namespace pavise::device {

inline constexpr ErrorInfo kFilterNotMade{
    "PV-CMP-001", Retry::never, "the system call filter of an app cannot be made",
    "This is a mistake of this release; report it with the detail."};

struct AppFilterNeeds {
  bool network = false;       // sockets of the Internet
  bool listens = false;       // and on some port it may be reached
  bool device_nodes = false;  // any ioctl: a node's driver says which it takes
  bool gpio_lines = false;    // those of lines, and none of chips
  // A debugger traces what it started itself, and what that starts: ptrace, but not onto a process
  // that did not ask for it.
  bool debugger = false;
};

// The compiled filter, the same bytes for the same needs and release: its digest belongs to what is
// measured. What is not listed answers ENOSYS, so that run-times of languages fall back; what only
// an attack calls (ptrace, mount, bpf, ...) ends the whole app with SIGSYS. kFilterNotMade.
Result<std::vector<sock_filter>> make_app_filter(const AppFilterNeeds& needs);

// Of the process that starts apps, which they inherit: all but what only an attack calls and it
// does not need itself. kFilterNotMade.
Result<std::vector<sock_filter>> make_launcher_filter();

// Of the process that waits for the app: all but that ends it. kFilterNotMade.
Result<std::vector<sock_filter>> make_warden_filter();

}  // namespace pavise::device
