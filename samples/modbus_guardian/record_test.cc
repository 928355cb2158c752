#include "samples/modbus_guardian/record.h"

#include <gtest/gtest.h>

#include <vector>

namespace modbus_guardian {
namespace {

class RecordTest : public testing::Test {
 protected:
  std::vector<std::string> lines_;
  Record record_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(RecordTest, TheSameThingIsALineAndACount) {
  for (int i = 0; i < 1000; ++i) record_.note("a", "refused", "range " + std::to_string(i), 5);
  record_.time_passed(5 + kRecordPeriodMs - 1);
  EXPECT_EQ(lines_, (std::vector<std::string>{"a: refused: range 0"}));
  record_.time_passed(5 + kRecordPeriodMs);
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(lines_[1], "a: refused: 999 times more");
  record_.note("a", "refused", "", 5 + kRecordPeriodMs);
  EXPECT_EQ(lines_.back(), "a: refused");
}

TEST_F(RecordTest, WhoFillsItDoesNotHideOthers) {
  for (int i = 0; i < 1000; ++i) record_.note("a", std::to_string(i), "", 0);
  EXPECT_EQ(lines_.size(), kRecordThingsOfOnePeerMax);
  record_.note("b", "refused", "", 0);
  EXPECT_EQ(lines_.back(), "b: refused");
  record_.time_passed(kRecordPeriodMs);
  EXPECT_EQ(lines_.back(), "and 994 times something else");
}

TEST_F(RecordTest, APeriodHasSoManyLines) {
  for (std::size_t i = 0; i < kRecordThingsMax + 1; ++i)
    for (int twice = 0; twice < 2; ++twice) record_.note(std::to_string(i), "refused", "", 0);
  EXPECT_EQ(lines_.size(), kRecordThingsMax);
  record_.time_passed(kRecordPeriodMs);
  EXPECT_EQ(lines_.size(), 2 * kRecordThingsMax + 1);
}

}  // namespace
}  // namespace modbus_guardian
