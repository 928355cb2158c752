#include "cloud/hub/files/upload_token.h"

#include <charconv>
#include <chrono>
#include <map>

#include "common/base/time_text.h"
#include "common/crypto/crypto.h"
#include "protocol/iothub/percent.h"

namespace pavise::hub::files {
namespace {

constexpr std::string_view kVersion = "2020-04-08";
constexpr std::string_view kRights = "cw";
constexpr std::string_view kContainerRights = "rwd";
constexpr std::string_view kTimeForm = "dddd-dd-ddTdd:dd:ddZ";

// "2026-11-25T19:00:00Z": utc_text has milliseconds.
std::string time_text(UnixMillis ms) {
  return utc_text(ms).substr(0, kTimeForm.size() - 1) + "Z";
}

unsigned number(std::string_view text, std::size_t at, std::size_t size) {
  unsigned out = 0;
  std::from_chars(text.data() + at, text.data() + at + size, out);
  return out;
}

}  // namespace

Result<UnixMillis> parse_token_time(std::string_view text) {
  if (text.size() != kTimeForm.size()) return Error(kBadUploadToken, "se");
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kTimeForm[i] == 'd' ? !digit : text[i] != kTimeForm[i]) return Error(kBadUploadToken, "se");
  }
  namespace chrono = std::chrono;
  const chrono::year_month_day day{chrono::year(static_cast<int>(number(text, 0, 4))),
                                   chrono::month(number(text, 5, 2)),
                                   chrono::day(number(text, 8, 2))};
  const unsigned hour = number(text, 11, 2);
  const unsigned minute = number(text, 14, 2);
  const unsigned second = number(text, 17, 2);
  if (!day.ok() || day.year() < chrono::year(1970) || hour > 23 || minute > 59 || second > 59)
    return Error(kBadUploadToken, "se");
  const auto at = chrono::sys_days(day).time_since_epoch() + chrono::hours(hour) +
                  chrono::minutes(minute) + chrono::seconds(second);
  return static_cast<UnixMillis>(chrono::duration_cast<chrono::milliseconds>(at).count());
}

namespace {

using Parameters = std::map<std::string, std::string, std::less<>>;

Result<Parameters> parameters_of(std::string_view query) {
  if (query.size() > kTokenQuerySizeMax) return Error(kBadUploadToken, "query");
  Parameters values;
  std::size_t pairs = 0;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = iothub::percent_decode(pair.substr(0, equals));
    auto value = iothub::percent_decode(equals == std::string_view::npos ? std::string_view{}
                                                                         : pair.substr(equals + 1));
    if (!name || !value || ++pairs > kTokenPairsMax) return Error(kBadUploadToken, "query");
    if (!values.emplace(*std::move(name), *std::move(value)).second)
      return Error(kBadUploadToken, "a parameter is given twice");
  }
  return values;
}

// When the token ends, which may not have been yet.
Result<UnixMillis> end_of(Parameters& values, std::string_view resource, std::string_view rights,
                          const Digest256& right, UnixMillis now_ms) {
  if (values["sv"] != kVersion || values["sr"] != resource || values["sp"] != rights)
    return Error(kBadUploadToken, "sv, sr or sp");
  const auto given = from_base64(values["sig"]);
  if (!given || !crypto::constant_time_equal(*given, right)) return Error(kBadUploadToken, "sig");
  PAVISE_TRY_ASSIGN(const UnixMillis expires_ms, parse_token_time(values["se"]));
  if (expires_ms <= now_ms) return kUploadExpired;
  return expires_ms;
}

}  // namespace

Digest256 UploadTokens::sign(std::string_view blob, std::string_view id,
                             std::string_view end) const {
  // Lengths first: no two sets of parts make the same text.
  std::string text = "pavise-file-upload/1";
  for (const std::string_view part : {kVersion, kRights, id, end, blob})
    text.append("\n").append(std::to_string(part.size())).append(":").append(part);
  return crypto::hmac_sha256(key_.view(), as_bytes(text));
}

std::string UploadTokens::make(std::string_view blob, const UploadGrant& grant) const {
  const std::string end = time_text(grant.expires_ms);
  std::string out = "?sv=";
  out.append(kVersion).append("&sr=b&si=").append(iothub::percent_encode(grant.upload_id));
  out.append("&se=").append(iothub::percent_encode(end)).append("&sp=").append(kRights);
  out.append("&sig=").append(iothub::percent_encode(to_base64(sign(blob, grant.upload_id, end))));
  return out;
}

Result<UploadGrant> UploadTokens::check(std::string_view blob, std::string_view query,
                                        UnixMillis now_ms) const {
  PAVISE_TRY_ASSIGN(Parameters values, parameters_of(query));
  const Digest256 right = sign(blob, values["si"], values["se"]);
  PAVISE_TRY_ASSIGN(const UnixMillis expires_ms, end_of(values, "b", kRights, right, now_ms));
  return UploadGrant{values["si"], expires_ms};
}

Digest256 UploadTokens::sign_container(std::string_view id, std::string_view end) const {
  std::string text = "pavise-container/1";
  for (const std::string_view part : {kVersion, kContainerRights, id, end})
    text.append("\n").append(std::to_string(part.size())).append(":").append(part);
  return crypto::hmac_sha256(key_.view(), as_bytes(text));
}

std::string UploadTokens::make_container(const ContainerGrant& grant) const {
  const std::string end = time_text(grant.expires_ms);
  std::string out = "?sv=";
  out.append(kVersion).append("&sr=c&se=").append(iothub::percent_encode(end));
  out.append("&sp=").append(kContainerRights).append("&sig=");
  return out.append(iothub::percent_encode(to_base64(sign_container(grant.container_id, end))));
}

Result<ContainerGrant> UploadTokens::check_container(std::string_view id, std::string_view query,
                                                     UnixMillis now_ms) const {
  PAVISE_TRY_ASSIGN(Parameters values, parameters_of(query));
  const Digest256 right = sign_container(id, values["se"]);
  PAVISE_TRY_ASSIGN(const UnixMillis expires_ms,
                    end_of(values, "c", kContainerRights, right, now_ms));
  return ContainerGrant{std::string(id), expires_ms};
}

}  // namespace pavise::hub::files
