// The readers behind a replayed log, with a log that an attacker wrote.
#include "cloud/security/attestation/log_policy.h"
#include "cloud/security/attestation/state_match.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pavise;
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto log = eventlog::EventLog::parse(input);
  if (!log) return 0;
  (void)attestation::check_log_policy(*log, 0xffffff, true);

  // A release whose events are the first half of the log: some match, the rest is surplus.
  std::vector<release::ReferenceSet> releases(1);
  for (std::size_t i = 0; i < log->events().size() / 2; ++i)
    releases[0].events.push_back(
        {log->events()[i].pcr, log->events()[i].digest, "component", "name"});
  const eventlog::PcrValues values = log->replay(0xffffff);
  const auto match = attestation::match_state({.values = values,
                                               .mask = 0xffffff,
                                               .log = *log,
                                               .runtime = {},
                                               .cmdline_claim = as_text(input)},
                                              releases);
  PAVISE_CHECK(match.measurements.size() <= log->events().size() + eventlog::kPcrCount);
  PAVISE_CHECK(match.reason.size() < 1000);
  return 0;
}
