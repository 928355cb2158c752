// refrigeration-monitor: watches the sensor at the UART "SENSOR1" until it is asked to end.
#include "samples/refrigeration_monitor/service.h"

int main() {
  const std::string problem = refrigeration_monitor::Service("SENSOR1").run();
  if (problem.empty()) return 0;
  pavise_log(PAVISE_LOG_ERROR, "ends: %s", problem.c_str());
  return 1;
}
