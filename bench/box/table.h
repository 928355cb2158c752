// The rows of the report: what this box does, beside what one unit of each size of IoT Hub allows.
#pragma once

#include <string>
#include <vector>

namespace pavise::bench {

// Operations per second; what counts in minutes is divided.
struct UnitLimits {
  double s1 = 0;
  double s2 = 0;
  double s3 = 0;
};

struct Row {
  std::string what;
  double count = 0;
  double wall_s = 0;
  double server_cpu_s = 0;
  UnitLimits limits = {};
  std::string note = {};
};

// `as_markdown`: for docs/performance.md.
void print_table(const std::vector<Row>& rows, bool as_markdown);

}  // namespace pavise::bench
