#include "protocol/s3/signature.h"

#include <algorithm>
#include <ctime>

#include "common/base/result.h"
#include "common/crypto/crypto.h"

namespace pavise::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kDateSize = 8;  // of a timestamp

std::string_view value_of(const Fields& headers, std::string_view name) {
  const auto found =
      std::ranges::find(headers, name, [](const auto& header) { return header.first; });
  PAVISE_CHECK(found != headers.end());
  return found->second;
}

SecretBytes derived(ByteView key, std::string_view text) {
  Digest256 digest = crypto::hmac_sha256(key, as_bytes(text));
  SecretBytes out = SecretBytes::copy_of(digest);
  wipe(digest);
  return out;
}

// The key of one day, region and service.
SecretBytes signing_key(const Keys& keys, std::string_view date, std::string_view region) {
  constexpr std::string_view kPrefix = "AWS4";
  SecretBytes root(kPrefix.size() + keys.secret.size());
  std::ranges::copy(as_bytes(kPrefix), root.span().begin());
  std::ranges::copy(keys.secret.view(), root.span().begin() + kPrefix.size());
  const SecretBytes of_date = derived(root.view(), date);
  const SecretBytes of_region = derived(of_date.view(), region);
  const SecretBytes of_service = derived(of_region.view(), "s3");
  return derived(of_service.view(), "aws4_request");
}

}  // namespace

std::string encoded(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto value = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes);
    if (plain)
      out.push_back(c);
    else
      out.append({'%', kDigits[value >> 4U], kDigits[value & 0xfU]});
  }
  return out;
}

std::string canonical_query(const Fields& query) {
  Fields all;
  for (const auto& [name, value] : query)
    all.emplace_back(encoded(name, false), encoded(value, false));
  std::ranges::sort(all);
  std::string out;
  for (const auto& [name, value] : all) {
    if (!out.empty()) out.push_back('&');
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string timestamp(UnixSeconds time) {
  const std::time_t seconds = time;
  std::tm parts{};
  char text[32];
  PAVISE_CHECK(::gmtime_r(&seconds, &parts) != nullptr);
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts)};
}

std::string payload_digest(ByteView body) {
  return to_hex(crypto::sha256(body));
}

std::string authorization(const Request& request, const Keys& keys, std::string_view region) {
  Fields headers = request.headers;
  std::ranges::sort(headers);
  std::string names;
  std::string canonical = request.method + "\n" + encoded(request.path, true) + "\n" +
                          canonical_query(request.query) + "\n";
  for (const auto& [name, value] : headers) {
    canonical.append(name).append(":").append(value).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  canonical.append("\n").append(names).append("\n").append(
      value_of(headers, "x-amz-content-sha256"));

  const std::string_view stamp = value_of(headers, "x-amz-date");
  const std::string_view date = stamp.substr(0, kDateSize);
  const std::string scope = std::string(date).append("/").append(region).append("/s3/aws4_request");
  const std::string to_sign = std::string(kAlgorithm)
                                  .append("\n")
                                  .append(stamp)
                                  .append("\n" + scope + "\n")
                                  .append(to_hex(crypto::sha256(as_bytes(canonical))));
  const SecretBytes key = signing_key(keys, date, region);
  const std::string signature = to_hex(crypto::hmac_sha256(key.view(), as_bytes(to_sign)));
  return std::string(kAlgorithm)
      .append(" Credential=")
      .append(keys.access_key)
      .append("/" + scope + ",SignedHeaders=" + names + ",Signature=" + signature);
}

}  // namespace pavise::s3
