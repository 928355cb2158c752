#include "samples/modbus_guardian/grants.h"

#include <gtest/gtest.h>

#include "samples/modbus_guardian/testing/bytes.h"

namespace modbus_guardian {
namespace {

constexpr std::string_view kGrant =
    "grant g1 client 10.0.0.7 unit 1 holding 100-103 from 2026-11-26T08:00:00Z "
    "until 2026-11-26T09:00:00Z writes 2\n";
constexpr Ipv4 kEngineer = 0x0a000007;
constexpr std::int64_t kFrom = 1795680000;
constexpr std::int64_t kUntil = kFrom + 3600;

Request request(std::string_view pdu, std::uint8_t unit = 1) {
  return *parse_request(unit, hex(pdu));
}
const Request kWrite = request("06 00 64 00 01");

class GrantsTest : public testing::Test {
 protected:
  GrantsTest() { give(kGrant); }
  void give(std::string_view text) {
    auto parsed = Grants::parse(text);
    ASSERT_TRUE(parsed) << parsed.error();
    grants_.replace(*std::move(parsed));
  }

  std::string kept_;
  bool keeps_ = true;
  Grants grants_{[this](const std::string& uses) {
    if (keeps_) kept_ = uses;
    return keeps_;
  }};
};

TEST_F(GrantsTest, CoverOneClientUnitRangeAndTime) {
  EXPECT_TRUE(grants_.covers(kWrite, kEngineer, kFrom));
  EXPECT_TRUE(grants_.covers(kWrite, kEngineer, kUntil - 1));
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer, kFrom - 1));
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer, kUntil));
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer + 1, kFrom));
  EXPECT_FALSE(grants_.covers(request("06 00 64 00 01", 2), kEngineer, kFrom));
  EXPECT_TRUE(
      grants_.covers(request("10 00 64 00 04 08 00 00 00 00 00 00 00 00"), kEngineer, kFrom));
  EXPECT_FALSE(
      grants_.covers(request("10 00 65 00 04 08 00 00 00 00 00 00 00 00"), kEngineer, kFrom));
  EXPECT_FALSE(grants_.covers(request("06 00 63 00 01"), kEngineer, kFrom));
  EXPECT_FALSE(grants_.covers(request("05 00 64 FF 00"), kEngineer, kFrom));  // another table
  EXPECT_FALSE(grants_.covers(request("03 00 64 00 01"), kEngineer, kFrom));  // no write
}

TEST_F(GrantsTest, AreUsedUp) {
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "g1");
  EXPECT_EQ(kept_, "used g1 1795683600 1\n");
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "g1");
  EXPECT_EQ(kept_, "used g1 1795683600 2\n");
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "");
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer, kFrom));
  give("");
  give(kGrant);  // the same name once more is the same grant
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer, kFrom));
}

TEST_F(GrantsTest, AnEarlierEndDoesNotForgetUses) {
  std::string sooner(kGrant);
  sooner.replace(sooner.find("T09"), 3, "T08");
  sooner.replace(sooner.find("T08:00:00Z writes"), 10, "T08:01:00Z");
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "g1");
  give(sooner);
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "g1");
  EXPECT_EQ(kept_, "used g1 1795683600 2\n");
}

TEST_F(GrantsTest, StayUsedUpAfterARestart) {
  ASSERT_TRUE(grants_.restore("used g1 1795683600 2\n"));
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer, kFrom));
  for (const char* bad : {"used g1 1 2", "used g1 1\n", "used G1 1 1\n", "used g1 x 1\n",
                          "used g1 1 0\n", "used g1 1 10001\n", "used g1 1 1\nused g1 1 1\n"})
    EXPECT_FALSE(grants_.restore(bad)) << bad;
  EXPECT_FALSE(grants_.covers(kWrite, kEngineer, kFrom));
}

TEST_F(GrantsTest, AUseThatCannotBeKeptIsNone) {
  keeps_ = false;
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "");
}

TEST_F(GrantsTest, UsesOfThoseThatEndedMakeRoom) {
  std::string uses;
  for (std::size_t i = 0; i < kStatementsMax; ++i)
    uses += "used old-" + std::to_string(i) + ' ' + std::to_string(kFrom + 1) + " 1\n";
  ASSERT_TRUE(grants_.restore(uses));
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom), "");
  EXPECT_EQ(grants_.use(kWrite, kEngineer, kFrom + 1), "g1");
  EXPECT_EQ(kept_, "used g1 1795683600 1\n");
}

TEST(GrantLines, AreRefusedAsAWhole) {
  const auto problem = [](const std::string& text) {
    const auto grants = Grants::parse(text);
    return grants ? "" : grants.error();
  };
  const std::string good(kGrant);
  const auto with = [&good](std::string_view from, std::string_view to) {
    std::string out = good;
    return out.replace(out.find(from), from.size(), to);
  };
  EXPECT_EQ(problem(good), "");
  EXPECT_EQ(problem(good + good), "line 2: two grants have this name");
  EXPECT_EQ(problem(with("T09:", "T08:")),
            "line 1: a grant ends after it begins, and within 31 days");
  EXPECT_EQ(problem(with("2026-11-26T09:", "2026-12-27T08:")), "");  // 31 days
  EXPECT_NE(problem(with("2026-11-26T09:00:00", "2026-12-27T08:00:01")), "");
  EXPECT_EQ(problem(with("writes 2", "writes 10000")), "");
  EXPECT_EQ(problem(with("g1", std::string(kGrantNameLengthMax, 'g'))), "");
  for (const auto& bad :
       {with("writes 2", "writes 10001"), with("writes 2", "writes 0"), with(" writes 2", ""),
        with("g1", std::string(kGrantNameLengthMax + 1, 'g')), with("g1", "G"),
        with("holding", "input"), with("holding", "discrete"), with("unit 1", "unit 0"),
        with("10.0.0.7", "10.0.0.0/8"), with("client", "anybody"), with("grant", "permit"),
        with("until", "to")})
    EXPECT_TRUE(problem(bad).starts_with("line 1: grant NAME")) << bad;
}

}  // namespace
}  // namespace modbus_guardian
