#include "cloud/security/attestation/log_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "cloud/security/attestation/errors.h"
#include "common/crypto/crypto.h"
#include "protocol/eventlog/builder.h"

namespace pavise::attestation {
namespace {

using namespace eventlog;

constexpr std::uint32_t kMask = 1U << 0U | 1U << 4U | 1U << 7U | 1U << 11U;

void secure_boot(EventLogBuilder& log, unsigned value = 1) {
  log.add_measured(7, kEvEfiVariableDriverConfig,
                   global_variable_data("SecureBoot", Bytes{static_cast<std::byte>(value)}));
}
void separators(EventLogBuilder& log) {
  log.separator(0).separator(4).separator(7);
}

struct Row {
  std::string what;
  std::function<void(EventLogBuilder&)> build;
  std::string finding;  // empty: allowed
};

TEST(LogPolicy, Table) {
  const auto other = crypto::sha256(as_bytes("other"));
  const Bytes error_separator{std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}};
  const Row rows[] = {
      {"a good boot",
       [](auto& l) {
         secure_boot(l);
         separators(l);
       },
       ""},
      {"separators of ones",
       [](auto& l) {
         secure_boot(l);
         for (const unsigned pcr : {0U, 4U, 7U})
           l.add_measured(pcr, kEvSeparator, Bytes(4, std::byte{0xff}));
       },
       ""},
      {"applications after the separator",
       [&](auto& l) {
         secure_boot(l);
         separators(l);
         l.add_measured(4, kEvEfiAction, as_bytes("Calling EFI Application from Boot Option"));
         l.add(4, kEvEfiBootServicesApplication, other, {});
         l.add(7, kEvEfiVariableAuthority, other, {});
         l.add(11, kEvIpl, other, {});
       },
       ""},
      {"events of PCRs that were not asked for",
       [&](auto& l) {
         secure_boot(l);
         separators(l);
         l.add(9, 0x777, other, {});
       },
       ""},
      {"no separator in PCR 4",
       [](auto& l) {
         secure_boot(l);
         l.separator(0).separator(7);
       },
       "PCR 4: no separator"},
      {"two separators",
       [](auto& l) {
         secure_boot(l);
         separators(l);
         l.separator(4);
       },
       "second separator"},
      {"error separator",
       [&](auto& l) {
         secure_boot(l);
         l.separator(0).separator(4).add_measured(7, kEvSeparator, error_separator);
       },
       "reported an error"},
      {"separator with other data",
       [](auto& l) {
         secure_boot(l);
         l.separator(0).separator(4).add_measured(7, kEvSeparator, {});
       },
       "reported an error"},
      {"separator whose data was not measured",
       [&](auto& l) {
         secure_boot(l);
         l.separator(0).separator(4).add(7, kEvSeparator, other, Bytes(4));
       },
       "not what was measured"},
      {"firmware code after the separator of PCR 0",
       [&](auto& l) {
         secure_boot(l);
         separators(l);
         l.add(0, kEvEfiPlatformFirmwareBlob, other, {});
       },
       "PCR 0: an event after the separator"},
      {"driver after the separator of PCR 4",
       [&](auto& l) {
         secure_boot(l);
         separators(l);
         l.add(4, kEvEfiBootServicesDriver, other, {});
       },
       "after the separator"},
      {"hidden separator",
       [](auto& l) {
         secure_boot(l);
         l.separator(0).separator(4);
         l.add_measured(7, kEvEfiVariableAuthority, Bytes(4));
         l.separator(7);
       },
       "under another label"},
      {"unknown type", [&](auto& l) { l.add(4, 0x80001234, other, {}); }, "no place"},
      {"firmware type in PCR 11",
       [&](auto& l) { l.add(11, kEvEfiBootServicesApplication, other, {}); }, "PCR 11"},
      {"action whose text was not measured",
       [&](auto& l) { l.add(4, kEvEfiAction, other, as_bytes("x")); }, "not what was measured"},
      {"Secure Boot off",
       [](auto& l) {
         secure_boot(l, 0);
         separators(l);
       },
       "Secure Boot is off"},
      {"Secure Boot unclear",
       [](auto& l) {
         secure_boot(l, 2);
         separators(l);
       },
       "is off"},
      {"Secure Boot not measured", [](auto& l) { separators(l); }, "was not measured"},
      {"Secure Boot twice",
       [](auto& l) {
         secure_boot(l, 0);
         secure_boot(l, 1);
         separators(l);
       },
       "twice"},
      {"malformed variable",
       [](auto& l) { l.add_measured(7, kEvEfiVariableDriverConfig, as_bytes("short")); },
       "malformed"},
  };
  for (const Row& row : rows) {
    EventLogBuilder builder;
    row.build(builder);
    const auto log = EventLog::parse(builder.bytes());
    ASSERT_TRUE(log) << row.what;
    const Status status = check_log_policy(*log, kMask, true);
    EXPECT_EQ(status.has_value(), row.finding.empty()) << row.what;
    if (!status && !row.finding.empty()) {
      EXPECT_TRUE(status.error().is(kLogPolicy)) << row.what;
      EXPECT_THAT(status.error().detail(), ::testing::HasSubstr(row.finding)) << row.what;
    }
  }
}

TEST(LogPolicy, SecureBootNeedsPcr7) {
  EventLogBuilder builder;
  separators(builder);
  const auto log = EventLog::parse(builder.bytes());
  EXPECT_FALSE(check_log_policy(*log, 1U << 4U, true));
  EXPECT_TRUE(check_log_policy(*log, 1U << 4U, false));
}

}  // namespace
}  // namespace pavise::attestation
