#include "protocol/eventlog/event_log.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pavise::ByteView input = std::as_bytes(std::span(data, size));
  const auto log = pavise::eventlog::EventLog::parse(input);
  if (!log) return 0;
  PAVISE_CHECK(log->events().size() <= pavise::eventlog::kEventsMax);
  for (const auto& event : log->events()) {
    const pavise::ByteView payload = log->data(event);
    (void)log->data_is_measured(event);
    (void)pavise::eventlog::text_hint(payload);
    if (const auto variable = pavise::eventlog::parse_uefi_variable(payload))
      (void)pavise::eventlog::is_secure_boot_variable(*variable);
  }
  (void)log->replay(0xffffff);
  return 0;
}
