// Firmware event log, TCG PC Client Platform Firmware Profile 1.06 section 10, crypto-agile format.
//
// What may be believed: after replay() agrees with a quote, the digests and their order per PCR.
// Event types and data are not covered by the digests, so an attacker can relabel events. Readers
// therefore interpret the data of an event only if data_is_measured() says so.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::eventlog {

inline constexpr ErrorInfo kLogTruncated{"PV-LOG-001", Retry::never,
                                         "the firmware event log ends within an event",
                                         "Send the log as the kernel's securityfs shows it."};
inline constexpr ErrorInfo kLogTooLong{"PV-LOG-002", Retry::never,
                                       "the firmware event log is over a limit",
                                       "Send at most 64 KiB and 1024 events."};
inline constexpr ErrorInfo kLogHeader{
    "PV-LOG-003", Retry::never, "the firmware event log has no valid crypto-agile header",
    "Use firmware that logs in the TCG 2.0 format (Spec ID Event03)."};
inline constexpr ErrorInfo kLogNoSha256{"PV-LOG-004", Retry::needs_operator,
                                        "the firmware event log has no SHA-256 digests",
                                        "Enable the SHA-256 bank in the firmware set-up."};
inline constexpr ErrorInfo kLogBadEvent{"PV-LOG-005", Retry::never,
                                        "the firmware event log has a malformed event",
                                        "Send the log as the kernel's securityfs shows it."};
inline constexpr ErrorInfo kLogLocality{"PV-LOG-006", Retry::never,
                                        "the firmware event log's startup locality is not valid",
                                        "Send the log as the kernel's securityfs shows it."};

inline constexpr std::size_t kLogBytesMax = 65536;
inline constexpr std::size_t kEventsMax = 1024;
inline constexpr std::size_t kAlgorithmsMax = 8;
inline constexpr unsigned kPcrCount = 24;

// Event types (section 10.4.1).
inline constexpr std::uint32_t kEvPostCode = 0x1;
inline constexpr std::uint32_t kEvNoAction = 0x3;
inline constexpr std::uint32_t kEvSeparator = 0x4;
inline constexpr std::uint32_t kEvAction = 0x5;
inline constexpr std::uint32_t kEvEventTag = 0x6;
inline constexpr std::uint32_t kEvCrtmContents = 0x7;
inline constexpr std::uint32_t kEvCrtmVersion = 0x8;
inline constexpr std::uint32_t kEvPlatformConfigFlags = 0xa;
inline constexpr std::uint32_t kEvTableOfDevices = 0xb;
inline constexpr std::uint32_t kEvIpl = 0xd;
inline constexpr std::uint32_t kEvNonhostCode = 0xf;
inline constexpr std::uint32_t kEvNonhostConfig = 0x10;
inline constexpr std::uint32_t kEvNonhostInfo = 0x11;
inline constexpr std::uint32_t kEvEfiVariableDriverConfig = 0x80000001;
inline constexpr std::uint32_t kEvEfiVariableBoot = 0x80000002;
inline constexpr std::uint32_t kEvEfiBootServicesApplication = 0x80000003;
inline constexpr std::uint32_t kEvEfiBootServicesDriver = 0x80000004;
inline constexpr std::uint32_t kEvEfiRuntimeServicesDriver = 0x80000005;
inline constexpr std::uint32_t kEvEfiGptEvent = 0x80000006;
inline constexpr std::uint32_t kEvEfiAction = 0x80000007;
inline constexpr std::uint32_t kEvEfiPlatformFirmwareBlob = 0x80000008;
inline constexpr std::uint32_t kEvEfiHandoffTables = 0x80000009;
inline constexpr std::uint32_t kEvEfiPlatformFirmwareBlob2 = 0x8000000a;
inline constexpr std::uint32_t kEvEfiHandoffTables2 = 0x8000000b;
inline constexpr std::uint32_t kEvEfiVariableBoot2 = 0x8000000c;
inline constexpr std::uint32_t kEvEfiVariableAuthority = 0x800000e0;

// "EV_SEPARATOR"; empty for a type that is not in the table above.
std::string_view type_name(std::uint32_t type);

struct Event {
  std::uint8_t pcr = 0;  // below kPcrCount
  std::uint32_t type = 0;
  Digest256 digest{};             // the SHA-256 bank's
  std::uint32_t data_offset = 0;  // into the log; read with EventLog::data()
  std::uint32_t data_size_bytes = 0;
};

using PcrValues = std::array<Digest256, kPcrCount>;

// The value of a PCR before the first extend: zero, or all ones for 17 to 22 (PC Client TPM
// profile). PCR 0 is (zero, last byte = locality) when the log says so.
Digest256 initial_pcr(unsigned pcr);
void extend(Digest256& pcr, const Digest256& digest);

class EventLog {
 public:
  // Strict: a valid Spec ID header, every event with each declared digest exactly once, nothing
  // after the last event. Copies the input; allocates no more than that plus kEventsMax Events.
  // Does not block. Errors: PV-LOG-001 to -006.
  static Result<EventLog> parse(ByteView log);

  // All events that were extended, in order; EV_NO_ACTION, which is not, is left out.
  const std::vector<Event>& events() const { return events_; }
  ByteView data(const Event& event) const {
    return ByteView(log_).subspan(event.data_offset, event.data_size_bytes);
  }
  // True if SHA-256(data) is the digest: only then may data be interpreted.
  bool data_is_measured(const Event& event) const;
  std::uint8_t startup_locality() const { return startup_locality_; }

  // Values that a TPM holds after these events, for the PCRs in `mask` (bit n is PCR n); the others
  // stay at their initial value.
  PcrValues replay(std::uint32_t mask) const;

 private:
  EventLog() = default;
  Bytes log_;
  std::vector<Event> events_;
  std::uint8_t startup_locality_ = 0;
};

// UEFI_VARIABLE_DATA (section 10.2.6): the payload of the variable events.
struct UefiVariable {
  std::array<std::byte, 16> vendor_guid;  // as on the wire
  std::string name;                       // printable ASCII, others as '?'; at most 128 characters
  ByteView value;                         // into the parsed bytes
};
inline constexpr std::size_t kVariableNameMax = 128;
std::optional<UefiVariable> parse_uefi_variable(ByteView data);
// True for the global variable "SecureBoot".
bool is_secure_boot_variable(const UefiVariable& variable);

// A name for people out of an event's data (UTF-16 or ASCII text, without its end), such as the
// section name that systemd-stub logs. A hint only: never decide anything by it. At most 64
// printable characters; empty if the data is no text.
std::string text_hint(ByteView data);

}  // namespace pavise::eventlog
