// pavise-apps [--clock-ahead-ms N]: starts the apps of a device behind their walls. The option is
// init's (common/base/clock_ahead.h).
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock_ahead.h"
#include "device/apps/program/launcher_of_apps.h"

namespace {

void say(const std::string& text) {
  const std::string line = text + '\n';
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace pavise::device;
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &heard, nullptr);
  const pavise::SystemClock clock;
  std::optional<std::int64_t> clock_ahead_ms;
  if (argc == 3 && std::string_view(argv[1]) == pavise::kClockAheadOption)
    clock_ahead_ms = pavise::parse_clock_ahead_ms(argv[2]);
  if (argc != 1 && !clock_ahead_ms) {
    say(std::string("usage: pavise-apps [") + pavise::kClockAheadOption + " N]");
    return 2;
  }
  const pavise::Status ended = launch_apps({}, clock, clock_ahead_ms);
  if (ended) return 0;
  say(ended.error().message());
  return 1;
}
