#include "protocol/iothub/username.h"

#include <vector>

#include "protocol/iothub/percent.h"

namespace pavise::iothub {
namespace {

constexpr std::string_view kApiVersionKey = "api-version=";
constexpr std::size_t kSegmentsMax = 8;

std::vector<std::string_view> split(std::string_view text, char separator, std::size_t parts_max) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < parts_max) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdSizeMax;
}

}  // namespace

Status Username::take_query(std::string_view query) {
  bool has_type = false;
  for (const std::string_view pair : split(query, '&', kUsernameSizeMax)) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = pair.substr(0, equals);
    PAVISE_TRY_ASSIGN(std::string value, percent_decode(pair.substr(equals + 1)));
    if (key == "api-version" && api_version_.empty()) {
      api_version_ = std::move(value);
    } else if (key == "DeviceClientType" && !has_type) {
      client_type_ = std::move(value);
      has_type = true;
    } else if (key == "model-id" && !model_id_) {
      model_id_ = std::move(value);
    }
  }
  return {};
}

Result<Username> Username::parse(std::string_view text) {
  if (text.size() > kUsernameSizeMax) return Error(kBadUsername, "longer than 4096 bytes");
  // A query starts at "/?", or else in the first segment that has api-version=. '?' alone is legal
  // in an id. What follows may itself hold '/', as unencoded client types do.
  std::size_t query_at = text.find("/?");
  std::size_t query_start = query_at + 2;
  if (query_at == std::string_view::npos) {
    const std::size_t key_at = text.find(kApiVersionKey);
    if (key_at == std::string_view::npos) return kNoApiVersion;
    query_at = text.rfind('/', key_at);
    if (query_at == std::string_view::npos) return kBadUsername;
    query_start = query_at + 1;
  }
  Username out;
  const auto ids = split(text.substr(0, query_at), '/', kSegmentsMax);
  if (ids.size() < 2 || ids.size() > 3 || ids[0].empty() || !is_id(ids[1])) return kBadUsername;
  if (ids.size() == 3 && !is_id(ids[2])) return kBadUsername;
  out.host_ = ids[0];
  out.device_ = ids[1];
  if (ids.size() == 3) out.module_ = ids[2];

  std::string query(text.substr(query_start));
  // The 2017 form separates its pairs by '/'.
  if (query.find('&') == std::string::npos) {
    const std::size_t slash = query.find("/DeviceClientType=");
    if (slash != std::string::npos) query[slash] = '&';
  }
  PAVISE_TRY(out.take_query(query));
  if (out.api_version_.empty()) return kNoApiVersion;
  return out;
}

std::string Username::client_id() const {
  return module_ ? device_ + "/" + *module_ : device_;
}

std::string make_username(std::string_view host, std::string_view client_id,
                          std::string_view api_version, std::string_view client_type) {
  std::string out(host);
  out.append("/").append(client_id).append("/?api-version=").append(api_version);
  if (!client_type.empty()) out.append("&DeviceClientType=").append(percent_encode(client_type));
  return out;
}

}  // namespace pavise::iothub
