#include "protocol/iothub/fault.h"

#include <gtest/gtest.h>

namespace pavise::iothub {
namespace {

PropertyBag bag(std::initializer_list<std::pair<std::string_view, std::string_view>> rest) {
  PropertyBag out;
  out.add("colour", "red");
  for (const auto& [name, value] : rest)
    out.add(std::string("AzIoTHub_FaultOperation").append(name), value);
  return out;
}

TEST(Fault, OrdinaryMessagesAskForNone) {
  EXPECT_FALSE(*parse_fault(bag({})));
  EXPECT_FALSE(*parse_fault(bag({{"CloseReason", "boom"}, {"DelayInSecs", "x"}})));
}

// As the official suites write it.
TEST(Fault, IsReadWithItsTimes) {
  const auto fault = parse_fault(bag({{"Type", "KillAmqpTwinLinkReq"},
                                      {"CloseReason", " severs it "},
                                      {"DelayInSecs", "2"},
                                      {"DurationInSecs", "5"}}));
  ASSERT_TRUE(fault && *fault);
  EXPECT_EQ((*fault)->kind, FaultKind::kill_twin_requests);
  EXPECT_EQ((*fault)->reason, " severs it ");
  EXPECT_EQ((*fault)->delay_ms, 2'000);
  EXPECT_EQ((*fault)->duration_ms, 5'000);
  const auto bare = parse_fault(bag({{"Type", "KillTcp"}}));
  ASSERT_TRUE(bare && *bare);
  EXPECT_EQ((*bare)->delay_ms, 0);
}

TEST(Fault, HttpFoldsTheNames) {
  PropertyBag lower;
  lower.add("aziothub_faultoperationtype", "InvokeThrottling");
  const auto fault = parse_fault(lower);
  ASSERT_TRUE(fault && *fault);
  EXPECT_EQ(refusal_of((*fault)->kind), &kFaultThrottles);
}

TEST(Fault, UnknownOnesAreRefused) {
  for (const char* type : {"", "KillAll", "KillAmqpD2CLinks", "InvalidJsonError"})
    EXPECT_TRUE(parse_fault(bag({{"Type", type}})).error().is(kUnknownFault)) << type;
}

TEST(Fault, TimesAreBounded) {
  const auto with = [](std::string_view name, std::string_view value) {
    return parse_fault(bag({{"Type", "KillTcp"}, {name, value}}));
  };
  for (const char* name : {"DelayInSecs", "DurationInSecs"}) {
    EXPECT_TRUE(with(name, "0")) << name;
    EXPECT_TRUE(with(name, "300")) << name;
    EXPECT_EQ(with(name, "")->value().delay_ms, 0) << name << " without a value is none";
    for (const char* wrong : {"301", "-1", "1.5", "x", "99999999999999999999"})
      EXPECT_TRUE(with(name, wrong).error().is(kBadFaultTime)) << name << wrong;
  }
}

TEST(Fault, ALongReasonIsCut) {
  const auto fault = parse_fault(
      bag({{"Type", "KillTcp"}, {"CloseReason", std::string(kFaultReasonSizeMax + 1, 'r')}}));
  EXPECT_EQ((*fault)->reason.size(), kFaultReasonSizeMax);
}

}  // namespace
}  // namespace pavise::iothub
