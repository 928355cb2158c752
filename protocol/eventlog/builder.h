// Writes event logs in the crypto-agile format: for the fake firmware in tests and simulations.
#pragma once

#include <string_view>

#include "common/base/bytes.h"
#include "protocol/eventlog/event_log.h"

namespace pavise::eventlog {

// Starts with the Spec ID header that declares SHA-256 only.
class EventLogBuilder {
 public:
  EventLogBuilder();
  // An event whose digest is given: its data is not what was measured.
  EventLogBuilder& add(unsigned pcr, std::uint32_t type, const Digest256& digest, ByteView data);
  // An event whose digest is SHA-256(data).
  EventLogBuilder& add_measured(unsigned pcr, std::uint32_t type, ByteView data);
  EventLogBuilder& startup_locality(std::uint8_t locality);
  EventLogBuilder& separator(unsigned pcr);  // four zero bytes
  const Bytes& bytes() const { return writer_.bytes(); }

 private:
  ByteWriter writer_;
};

// UEFI_VARIABLE_DATA of a variable with an ASCII name in the EFI_GLOBAL_VARIABLE namespace.
Bytes global_variable_data(std::string_view name, ByteView value);
// ASCII as UTF-16LE with its terminating zero, as systemd-stub logs section names.
Bytes utf16z(std::string_view ascii);

}  // namespace pavise::eventlog
