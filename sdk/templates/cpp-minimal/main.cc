// @NAME@: says every ten seconds that it lives, and ends when it is asked to.
#include <pavise/pavise.hpp>

int main() {
  pavise::EventLoop loop;
  int beats = 0;
  int failed = loop.on_end_request([&] { loop.stop(); });
  if (failed == 0)
    failed = loop.every(10'000, [&] { pavise_log(PAVISE_LOG_INFO, "beat %d", ++beats); });
  if (failed != 0) return 1;
  pavise_log(PAVISE_LOG_INFO, "%s %s", pavise_app_name(), pavise_app_version());
  loop.run();
  return 0;
}
