#include "cloud/server/log/limited_log.h"

#include <gtest/gtest.h>

#include <vector>

namespace pavise::server {
namespace {

class LinesOnly final : public Log {
 public:
  void write(Level, std::string_view event, std::span<const Field> fields) override {
    std::string line(event);
    for (const Field& field : fields)
      if (field.key != "reason" && !field.value.empty()) line += " " + field.value;
    lines.push_back(std::move(line));
  }
  std::vector<std::string> lines;
};

class LimitedLogTest : public ::testing::Test {
 protected:
  void cause(const std::string& peer, std::size_t lines, Level level = Level::warning) {
    for (std::size_t i = 0; i < lines; ++i) log_.write(level, "refused", {{"peer", peer}});
  }
  ManualClock clock_{1'795'000'000'000};
  LinesOnly inner_;
  LimitedLog log_{inner_, clock_, Level::warning};
};

TEST_F(LimitedLogTest, APeerHasItsLinesOfAMinute) {
  cause("192.0.2.1:1", kLinesPerPeerMax - 1);
  cause("192.0.2.1:2", 1);
  EXPECT_EQ(inner_.lines.size(), kLinesPerPeerMax);
  cause("192.0.2.1:3", 5);
  ASSERT_EQ(inner_.lines.size(), kLinesPerPeerMax + 1) << "one line for all that follow";
  EXPECT_EQ(inner_.lines.back(), "log.held_back 192.0.2.1");
  cause("192.0.2.2:1", 1);
  EXPECT_EQ(inner_.lines.back(), "refused 192.0.2.2:1") << "others are heard";
  cause("192.0.2.1:3", 1, Level::info);
  EXPECT_EQ(inner_.lines.back(), "refused 192.0.2.1:3") << "what strangers cannot cause";
  clock_.advance_ms(kLineWindowMs - 1);
  const std::size_t before = inner_.lines.size();
  cause("192.0.2.1:4", 1);
  EXPECT_EQ(inner_.lines.size(), before);
  clock_.advance_ms(1);
  cause("192.0.2.1:5", 2);
  ASSERT_EQ(inner_.lines.size(), before + 2);
  EXPECT_EQ(inner_.lines[before], "refused 192.0.2.1:5 6");
  EXPECT_EQ(inner_.lines[before + 1], "refused 192.0.2.1:5") << "said once";
}

TEST_F(LimitedLogTest, AllPeersTogetherAreBounded) {
  for (std::size_t i = 0; i < kLinesMax; ++i) cause("192.0.2." + std::to_string(i), 1);
  EXPECT_EQ(inner_.lines.size(), kLinesMax);
  for (std::size_t i = 0; i < 9; ++i) cause("198.51.100." + std::to_string(i), 1);
  ASSERT_EQ(inner_.lines.size(), kLinesMax + 1);
  EXPECT_EQ(inner_.lines.back(), "log.held_back");
  clock_.advance_ms(kLineWindowMs);
  cause("198.51.100.77", 1);
  EXPECT_EQ(inner_.lines.back(), "refused 198.51.100.77 9");
}

TEST_F(LimitedLogTest, MemoryIsBounded) {
  for (std::size_t i = 0; i < kLinePeersMax + kLinesPerPeerMax; ++i) cause(std::to_string(i), 1);
  clock_.advance_ms(kLineWindowMs);
  inner_.lines.clear();
  cause("one more", 1);
  EXPECT_EQ(inner_.lines.size(), 1U) << "those whose minute is over make room";
}

TEST(AddressOf, DropsThePort) {
  EXPECT_EQ(address_of("192.0.2.1:4711"), "192.0.2.1");
  EXPECT_EQ(address_of("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(address_of("[2001:db8::1]:4711"), "2001:db8::1");
  EXPECT_EQ(address_of("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(address_of("unknown"), "unknown");
  EXPECT_EQ(address_of(""), "");
}

}  // namespace
}  // namespace pavise::server
