// pavise-apps: starts the apps of a device behind their walls.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "device/apps/program/launcher_of_apps.h"

int main() {
  using namespace pavise::device;
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &heard, nullptr);
  const pavise::SystemClock clock;
  const pavise::Status ended = launch_apps({}, clock);
  if (ended) return 0;
  const std::string line = ended.error().message() + '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  return 1;
}
