#include "device/agent/system_info.h"

#include <gtest/gtest.h>

namespace pavise::agent {
namespace {

TEST(SystemInfo, ReadsTheKernelsTexts) {
  EXPECT_EQ(parse_uptime_s("12345.67 9999.00\n"), 12345);
  EXPECT_EQ(parse_load_1m("0.42 0.31 0.20 1/99 123\n"), "0.42");
  const char* const meminfo =
      "MemTotal:          62000 kB\nMemFree:  1 kB\nMemAvailable:  40000 kB\n";
  EXPECT_EQ(parse_kib_line(meminfo, "MemTotal:"), 62000);
  EXPECT_EQ(parse_kib_line(meminfo, "MemAvailable:"), 40000);
  EXPECT_EQ(
      parse_kib_line("7f-8f ---p 00 00:00 0 [rollup]\nRss: 5 kB\nPss:      1234 kB\n", "Pss:"),
      1234);
  EXPECT_EQ(parse_os_release("NAME=Pavise\nPRETTY_NAME=\"Pavise OS 0.1\"\n"), "Pavise OS 0.1");
  EXPECT_EQ(parse_os_release("NAME=Pavise\n"), "Pavise");
}

TEST(SystemInfo, LeavesOutWhatItDoesNotUnderstand) {
  EXPECT_FALSE(parse_uptime_s(""));
  EXPECT_FALSE(parse_uptime_s("x"));
  EXPECT_FALSE(parse_uptime_s("-1.0"));
  for (const char* text : {"", "nan 1", "0.1.2", "00.1", ".5", "5.", "1,2", "99999999999999999"})
    EXPECT_FALSE(parse_load_1m(text)) << text;
  EXPECT_FALSE(parse_kib_line("MemTotal: 5 MB\n", "MemTotal:"));
  EXPECT_FALSE(parse_kib_line("MemTotal: kB\n", "MemTotal:"));
  EXPECT_FALSE(parse_kib_line("", "MemTotal:"));
  EXPECT_EQ(parse_os_release("ID=x"), "");
}

TEST(SystemInfo, ReadsThisMachine) {
  const SystemInfo info = LinuxSystemProbe().read();
  EXPECT_TRUE(info.uptime_s);
  EXPECT_TRUE(info.load_1m);
  EXPECT_GT(info.memory_total_kib.value_or(0), 0);
  EXPECT_GT(info.agent_pss_kib.value_or(0), 0);
  EXPECT_EQ(info.boot_id.size(), 36U);
}

TEST(SystemInfo, ReadFileStopsAtTheLimit) {
  EXPECT_FALSE(read_file("/proc/does-not-exist", 10));
  EXPECT_EQ(read_file("/dev/zero", 10)->size(), 10U);
}

}  // namespace
}  // namespace pavise::agent
