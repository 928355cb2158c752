#include "protocol/eventlog/event_log.h"

#include <algorithm>
#include <utility>

#include "common/crypto/crypto.h"

namespace pavise::eventlog {
namespace {

using namespace std::string_view_literals;

constexpr std::uint16_t kAlgSha256 = 0x000b;
constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kDigestBytesMax = 64;
constexpr std::string_view kSpecIdSignature = "Spec ID Event03\0"sv;
constexpr std::string_view kStartupLocality = "StartupLocality\0"sv;
constexpr std::size_t kTextHintMax = 64;

struct Algorithm {
  std::uint16_t id = 0;
  std::uint16_t size_bytes = 0;
};
struct Algorithms {
  std::array<Algorithm, kAlgorithmsMax> rows;
  std::uint32_t count = 0;

  // Position of the algorithm, or count.
  std::uint32_t find(std::uint16_t id) const {
    std::uint32_t i = 0;
    while (i < count && rows[i].id != id) ++i;
    return i;
  }
};

// TCG_EfiSpecIDEvent, section 10.4.5.1.
Result<Algorithms> parse_spec_id(ByteView data) {
  ByteReader reader(data);
  const auto signature = reader.take(kSpecIdSignature.size());
  (void)reader.take(8);  // platform class, version, errata, size of UINTN
  const auto count = reader.le<std::uint32_t>();
  if (!reader.ok() || as_text(*signature) != kSpecIdSignature) return kLogHeader;
  if (*count == 0 || *count > kAlgorithmsMax) return Error(kLogHeader, "number of algorithms");
  Algorithms out;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const Algorithm row{reader.le<std::uint16_t>().value_or(0),
                        reader.le<std::uint16_t>().value_or(0)};
    if (!reader.ok() || row.size_bytes == 0 || row.size_bytes > kDigestBytesMax)
      return Error(kLogHeader, "algorithm list");
    if (out.find(row.id) != out.count) return Error(kLogHeader, "an algorithm is declared twice");
    out.rows[out.count++] = row;
  }
  const auto vendor_size = reader.le<std::uint8_t>();
  if (!vendor_size || !reader.take(*vendor_size) || !reader.at_end())
    return Error(kLogHeader, "vendor information");
  const std::uint32_t sha256 = out.find(kAlgSha256);
  if (sha256 == out.count) return kLogNoSha256;
  if (out.rows[sha256].size_bytes != sizeof(Digest256)) return Error(kLogHeader, "SHA-256 size");
  return out;
}

// The first event has the old TCG_PCR_EVENT layout, whatever follows.
Result<Algorithms> read_header(ByteReader& reader) {
  const auto pcr = reader.le<std::uint32_t>();
  const auto type = reader.le<std::uint32_t>();
  (void)reader.take(kSha1Bytes);
  const auto size = reader.le<std::uint32_t>();
  if (!reader.ok() || pcr != 0U || type != kEvNoAction) return kLogHeader;
  const auto data = reader.take(*size);
  if (!data) return kLogTruncated;
  return parse_spec_id(*data);
}

// TPML_DIGEST_VALUES; yields the SHA-256 digest.
Result<Digest256> read_digests(ByteReader& reader, const Algorithms& algorithms) {
  const auto count = reader.le<std::uint32_t>();
  if (!count) return kLogTruncated;
  if (*count != algorithms.count) return Error(kLogBadEvent, "number of digests");
  Digest256 out{};
  std::uint32_t seen = 0;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto id = reader.le<std::uint16_t>();
    if (!id) return kLogTruncated;
    const std::uint32_t at = algorithms.find(*id);
    if (at == algorithms.count) return Error(kLogBadEvent, "a digest of an undeclared algorithm");
    if ((seen & 1U << at) != 0) return Error(kLogBadEvent, "two digests of one algorithm");
    seen |= 1U << at;
    const auto digest = reader.take(algorithms.rows[at].size_bytes);
    if (!digest) return kLogTruncated;
    if (*id == kAlgSha256) std::ranges::copy(*digest, out.begin());
  }
  return out;
}

bool is_startup_locality(const Event& event, ByteView data) {
  return event.pcr == 0 && data.size() >= kStartupLocality.size() &&
         as_text(data.first(kStartupLocality.size())) == kStartupLocality;
}

char32_t code_unit(ByteView data, std::size_t at, bool wide) {
  if (!wide) return std::to_integer<char32_t>(data[at]);
  return std::to_integer<char32_t>(data[2 * at]) | std::to_integer<char32_t>(data[2 * at + 1])
                                                       << 8U;
}

}  // namespace

std::string_view type_name(std::uint32_t type) {
  static constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
      {kEvPostCode, "EV_POST_CODE"},
      {kEvNoAction, "EV_NO_ACTION"},
      {kEvSeparator, "EV_SEPARATOR"},
      {kEvAction, "EV_ACTION"},
      {kEvEventTag, "EV_EVENT_TAG"},
      {kEvCrtmContents, "EV_S_CRTM_CONTENTS"},
      {kEvCrtmVersion, "EV_S_CRTM_VERSION"},
      {kEvPlatformConfigFlags, "EV_PLATFORM_CONFIG_FLAGS"},
      {kEvTableOfDevices, "EV_TABLE_OF_DEVICES"},
      {kEvIpl, "EV_IPL"},
      {kEvNonhostCode, "EV_NONHOST_CODE"},
      {kEvNonhostConfig, "EV_NONHOST_CONFIG"},
      {kEvNonhostInfo, "EV_NONHOST_INFO"},
      {kEvEfiVariableDriverConfig, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
      {kEvEfiVariableBoot, "EV_EFI_VARIABLE_BOOT"},
      {kEvEfiBootServicesApplication, "EV_EFI_BOOT_SERVICES_APPLICATION"},
      {kEvEfiBootServicesDriver, "EV_EFI_BOOT_SERVICES_DRIVER"},
      {kEvEfiRuntimeServicesDriver, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
      {kEvEfiGptEvent, "EV_EFI_GPT_EVENT"},
      {kEvEfiAction, "EV_EFI_ACTION"},
      {kEvEfiPlatformFirmwareBlob, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
      {kEvEfiHandoffTables, "EV_EFI_HANDOFF_TABLES"},
      {kEvEfiPlatformFirmwareBlob2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
      {kEvEfiHandoffTables2, "EV_EFI_HANDOFF_TABLES2"},
      {kEvEfiVariableBoot2, "EV_EFI_VARIABLE_BOOT2"},
      {kEvEfiVariableAuthority, "EV_EFI_VARIABLE_AUTHORITY"}};
  for (const auto& [known, name] : kNames)
    if (known == type) return name;
  return {};
}

Digest256 initial_pcr(unsigned pcr) {
  Digest256 out{};
  if (pcr >= 17 && pcr <= 22) out.fill(std::byte{0xff});
  return out;
}

void extend(Digest256& pcr, const Digest256& digest) {
  std::array<std::byte, 2 * sizeof(Digest256)> both;
  std::ranges::copy(pcr, both.begin());
  std::ranges::copy(digest, both.begin() + sizeof(Digest256));
  pcr = crypto::sha256(both);
}

Result<EventLog> EventLog::parse(ByteView log) {
  if (log.size() > kLogBytesMax) return kLogTooLong;
  ByteReader reader(log);
  PAVISE_TRY_ASSIGN(const Algorithms algorithms, read_header(reader));
  EventLog out;
  bool locality_seen = false;
  bool pcr0_extended = false;
  while (!reader.at_end()) {
    const auto pcr = reader.le<std::uint32_t>();
    const auto type = reader.le<std::uint32_t>();
    if (!reader.ok()) return kLogTruncated;
    if (*pcr >= kPcrCount) return Error(kLogBadEvent, "PCR number");
    Event event{.pcr = static_cast<std::uint8_t>(*pcr), .type = *type};
    PAVISE_TRY_ASSIGN(event.digest, read_digests(reader, algorithms));
    const auto size = reader.le<std::uint32_t>();
    if (!size) return kLogTruncated;
    event.data_offset = static_cast<std::uint32_t>(log.size() - reader.remaining());
    const auto data = reader.take(*size);
    if (!data) return kLogTruncated;
    event.data_size_bytes = *size;
    if (event.type == kEvNoAction) {
      if (!is_startup_locality(event, *data)) continue;
      // It stands for the TPM2_Startup command, so it comes once and before any extend of PCR 0.
      const bool valid = data->size() == kStartupLocality.size() + 1 &&
                         (data->back() == std::byte{0} || data->back() == std::byte{3} ||
                          data->back() == std::byte{4});
      if (!valid || locality_seen || pcr0_extended) return kLogLocality;
      locality_seen = true;
      out.startup_locality_ = std::to_integer<std::uint8_t>(data->back());
      continue;
    }
    if (out.events_.size() == kEventsMax) return kLogTooLong;
    pcr0_extended = pcr0_extended || event.pcr == 0;
    out.events_.push_back(event);
  }
  out.log_ = to_bytes(log);
  return out;
}

bool EventLog::data_is_measured(const Event& event) const {
  return crypto::sha256(data(event)) == event.digest;
}

PcrValues EventLog::replay(std::uint32_t mask) const {
  PcrValues out;
  for (unsigned pcr = 0; pcr < kPcrCount; ++pcr) out[pcr] = initial_pcr(pcr);
  out[0].back() = std::byte{startup_locality_};
  for (const Event& event : events_)
    if ((mask >> event.pcr & 1U) != 0) extend(out[event.pcr], event.digest);
  return out;
}

std::optional<UefiVariable> parse_uefi_variable(ByteView data) {
  ByteReader reader(data);
  const auto guid = reader.take(16);
  const auto name_units = reader.le<std::uint64_t>();
  const auto value_size = reader.le<std::uint64_t>();
  if (!reader.ok() || *name_units > kVariableNameMax) return std::nullopt;
  const auto name = reader.take(2 * *name_units);
  if (!name) return std::nullopt;
  const auto value = reader.take(*value_size);
  if (!value || !reader.at_end()) return std::nullopt;
  UefiVariable out{};
  std::ranges::copy(*guid, out.vendor_guid.begin());
  out.value = *value;
  for (std::size_t i = 0; i < *name_units; ++i) {
    const char32_t unit = code_unit(*name, i, true);
    out.name.push_back(unit >= 0x20 && unit < 0x7f ? static_cast<char>(unit) : '?');
  }
  return out;
}

bool is_secure_boot_variable(const UefiVariable& variable) {
  // EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c, in wire order.
  static constexpr std::array<unsigned char, 16> kGlobal = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93,
                                                            0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0,
                                                            0x98, 0x03, 0x2b, 0x8c};
  return variable.name == "SecureBoot" &&
         equal(variable.vendor_guid, std::as_bytes(std::span(kGlobal)));
}

std::string text_hint(ByteView data) {
  const bool wide = data.size() >= 2 && data.size() % 2 == 0 && data[1] == std::byte{0};
  const std::size_t units = wide ? data.size() / 2 : data.size();
  std::string out;
  for (std::size_t i = 0; i < units && out.size() < kTextHintMax; ++i) {
    const char32_t unit = code_unit(data, i, wide);
    if (unit == 0) break;
    if (unit < 0x20 || unit >= 0x7f) return {};
    out.push_back(static_cast<char>(unit));
  }
  return out;
}

}  // namespace pavise::eventlog
