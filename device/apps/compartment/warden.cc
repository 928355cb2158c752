#include "device/apps/compartment/warden.h"

#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace pavise::device {

sandbox::SandboxPolicy warden_policy(uid_t user, std::span<const sock_filter> filter) {
  sandbox::SandboxPolicy policy{.name = "app's warden"};
  policy.run_as = sandbox::RunAs{user, user};
  // The app is of another Landlock domain, which later kernels let no signal into. There is nobody
  // but the app in this namespace whom it could reach.
  policy.capabilities_kept = {CAP_KILL};
  policy.compiled_filter.assign(filter.begin(), filter.end());
  policy.limits.open_files = 8;
  return policy;
}

bool end_with_launcher(int report) {
  // It may have ended just before: then nobody reads the report any more.
  pollfd reader{report, 0, 0};
  return ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::poll(&reader, 1, 0) == 0;
}

void guard_app(pid_t app, int report) {
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGTERM);
  ::sigaddset(&heard, SIGCHLD);
  while (true) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended != app) continue;
      const WaitStatus word = status;
      (void)!::write(report, &word, sizeof word);
      ::_exit(0);
    }
    if (ended < 0 && errno == ECHILD) ::_exit(1);
    const int signal = ::sigtimedwait(&heard, nullptr, nullptr);
    if (signal == SIGTERM) (void)::kill(app, SIGTERM);
  }
}

}  // namespace pavise::device
