#include "cloud/hub/store/checks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

#include "cloud/hub/store/errors.h"
#include "common/crypto/crypto.h"

namespace pavise::hub::store {
namespace {

// Above it a base64 text cannot be a key; keeps us from decoding what is sent in bad faith.
constexpr std::size_t kKeyTextMax = 4 * ((kKeySizeMax + 2) / 3);

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <class T>
bool within(T value, T low, T high) {
  return value >= low && value <= high;
}

Result<std::uint64_t> random_number() {
  std::array<std::byte, 8> raw{};
  PAVISE_TRY(crypto::random_fill(raw));
  return std::bit_cast<std::uint64_t>(raw);
}

Result<std::string> new_key() {
  SecretBytes key(kGeneratedKeySize);
  PAVISE_TRY(crypto::random_fill(key.span()));
  return to_base64(key.view());
}

Status bad_setting(std::string_view name) {
  return Error(kBadSettings, std::string(name));
}
Status bad_field(std::string_view name) {
  return Error(kBadIdentity, std::string(name));
}

Status check_authentication(const iothub::Identity& id, const Authentication& auth) {
  const bool keys = auth.kind == AuthKind::sas;
  const bool thumbprints = auth.kind == AuthKind::self_signed;
  for (const std::string& key : {auth.primary_key, auth.secondary_key})
    if (keys && !key.empty() && !is_key(key)) return bad_field("authentication.symmetricKey");
  if (thumbprints) {
    const auto primary = thumbprint(auth.primary_thumbprint);
    const auto secondary = thumbprint(auth.secondary_thumbprint);
    if (!primary || !secondary || (primary->empty() && secondary->empty()))
      return bad_field("authentication.x509Thumbprint");
  }
  if (auth.kind == AuthKind::attested && (id.is_module() || !DeviceId::parse(id.device())))
    return bad_field("authentication.type");
  if (auth.kind > AuthKind::attested) return bad_field("authentication.type");
  return {};
}

}  // namespace

bool is_name(std::string_view text, std::size_t size_max, std::string_view more) {
  return !text.empty() && text.size() <= size_max && std::ranges::all_of(text, [more](char c) {
    return is_letter_or_digit(c) || more.find(c) != std::string_view::npos;
  });
}

bool is_configuration_id(std::string_view text) {
  return text.size() <= kConfigurationIdSizeMax && iothub::is_valid_id(text) &&
         std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > kHostAliasSizeMax) return false;
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!letter || ++label > 63) return false;
  }
  return label != 0;
}

bool is_plain_text(std::string_view text, std::size_t size_max) {
  return text.size() <= size_max && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

bool is_key(std::string_view text) {
  if (text.size() > kKeyTextMax) return false;
  auto decoded = from_base64(text);
  if (!decoded) return false;
  const SecretBytes key(*std::move(decoded));
  return within(key.size(), kKeySizeMin, kKeySizeMax);
}

std::optional<std::string> thumbprint(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.size() != 40 && text.size() != 64) return std::nullopt;
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F')) return std::nullopt;
  }
  return out;
}

namespace {

// What edge devices have, and those behind them name.
bool is_scope(std::string_view text) {
  return text.starts_with(kScopePrefix) && text.size() > kScopePrefix.size() &&
         is_plain_text(text, kScopeSizeMax);
}

Status check_file_upload(const FileUploadSettings& s) {
  if (!within(s.sas_ttl_s, kUploadTtlSMin, kUploadTtlSMax))
    return bad_setting("file_upload.sas_ttl_s");
  const FeedbackSettings& n = s.notification;
  if (!within(n.ttl_s, kMessageTtlSMin, kMessageTtlSMax))
    return bad_setting("file_upload.notification.ttl_s");
  if (!within(n.delivery_count_max, 1U, kDeliveryCountMax))
    return bad_setting("file_upload.notification.delivery_count_max");
  if (!within(n.lock_s, kLockSMin, kLockSMax))
    return bad_setting("file_upload.notification.lock_s");
  if (!within(s.file_bytes_max, std::uint64_t{1}, kFileBytesMax))
    return bad_setting("file_upload.file_bytes_max");
  if (!within(s.device_bytes_max, std::uint64_t{1}, kFilesBytesMax))
    return bad_setting("file_upload.device_bytes_max");
  if (!within(s.hub_bytes_max, std::uint64_t{1}, kFilesBytesMax))
    return bad_setting("file_upload.hub_bytes_max");
  return {};
}

}  // namespace

Status check_settings(const HubSettings& s) {
  if (!within(s.partition_count, 1U, kPartitionsMax)) return bad_setting("partition_count");
  if (!within(s.retention_hours, 1U, kRetentionHoursMax)) return bad_setting("retention_hours");
  if (s.retention_bytes_max > kRetentionBytesMax) return bad_setting("retention_bytes_max");
  if (!within(s.message_ttl_s, kMessageTtlSMin, kMessageTtlSMax))
    return bad_setting("message_ttl_s");
  if (!within(s.delivery_count_max, 1U, kDeliveryCountMax))
    return bad_setting("delivery_count_max");
  if (!within(s.feedback.ttl_s, kMessageTtlSMin, kMessageTtlSMax))
    return bad_setting("feedback.ttl_s");
  if (!within(s.feedback.delivery_count_max, 1U, kDeliveryCountMax))
    return bad_setting("feedback.delivery_count_max");
  if (!within(s.feedback.lock_s, kLockSMin, kLockSMax)) return bad_setting("feedback.lock_s");
  if (s.event_sources > kAllEventSources) return bad_setting("event_sources");
  PAVISE_TRY(check_file_upload(s.file_upload));
  if (s.host_aliases.size() > kHostAliasesMax) return bad_setting("host_aliases");
  auto aliases = s.host_aliases;
  std::ranges::sort(aliases);
  if (std::ranges::adjacent_find(aliases) != aliases.end()) return bad_setting("host_aliases");
  if (!std::ranges::all_of(aliases, is_host_name)) return bad_setting("host_aliases");
  return {};
}

Status check_fields(const iothub::Identity& id, const IdentityFields& fields) {
  if (!is_plain_text(fields.status_reason, kStatusReasonSizeMax)) return bad_field("statusReason");
  if (id.is_module()) {
    if (fields.iot_edge) return bad_field("capabilities.iotEdge");
    if (!fields.device_scope.empty()) return bad_field("deviceScope");
    if (!fields.parent_scopes.empty()) return bad_field("parentScopes");
    if (!is_plain_text(fields.managed_by, kManagedBySizeMax)) return bad_field("managedBy");
  } else {
    if (!fields.device_scope.empty() && !is_scope(fields.device_scope))
      return bad_field("deviceScope");
    if (fields.parent_scopes.size() > kParentScopesMax) return bad_field("parentScopes");
    for (const std::string& scope : fields.parent_scopes)
      if (!is_scope(scope)) return bad_field("parentScopes");
    if (!fields.managed_by.empty()) return bad_field("managedBy");
  }
  return check_authentication(id, fields.auth);
}

Status generate_missing(std::string& primary, std::string& secondary) {
  for (std::string* key : {&primary, &secondary}) {
    if (!key->empty()) continue;
    PAVISE_TRY_ASSIGN(*key, new_key());
  }
  return {};
}

Result<std::string> new_etag() {
  PAVISE_TRY_ASSIGN(const std::uint64_t number, random_number());
  constexpr std::uint64_t kLow = 100'000'000'000;  // always 12 digits: no padding
  return to_base64(as_bytes(std::to_string(kLow + number % (9 * kLow))));
}

Result<std::string> new_uuid() {
  std::array<std::byte, 16> raw{};
  PAVISE_TRY(crypto::random_fill(raw));
  raw[6] = (raw[6] & std::byte{0x0F}) | std::byte{0x40};  // RFC 9562 version 4
  raw[8] = (raw[8] & std::byte{0x3F}) | std::byte{0x80};
  std::string out = to_hex(raw);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) out.insert(at, 1, '-');
  return out;
}

Result<std::uint64_t> new_generation(UnixMillis now_ms) {
  constexpr std::int64_t kUnixEpochMs = 62'135'596'800'000;  // since the year 1
  PAVISE_TRY_ASSIGN(const std::uint64_t number, random_number());
  return static_cast<std::uint64_t>(kUnixEpochMs + std::max<UnixMillis>(now_ms, 0)) * 10'000 +
         number % 10'000;
}

}  // namespace pavise::hub::store
