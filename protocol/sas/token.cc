#include "protocol/sas/token.h"

#include <algorithm>
#include <charconv>

#include "common/base/ascii.h"
#include "common/crypto/crypto.h"
#include "protocol/iothub/percent.h"

namespace pavise::sas {
namespace {

constexpr std::string_view kScheme = "SharedAccessSignature ";

Digest256 sign(ByteView key, KeyForm form, std::string_view text) {
  if (form == KeyForm::decoded) return crypto::hmac_sha256(key, as_bytes(text));
  std::string key_text = to_base64(key);
  const Digest256 digest = crypto::hmac_sha256(as_bytes(key_text), as_bytes(text));
  wipe(std::as_writable_bytes(std::span(key_text)));
  return digest;
}

// An id that was percent-encoded before the whole audience was. Escapes of '/', '%' and of
// characters that need none are not read: they could only serve to look like something else.
bool is_encoded_form(std::string_view segment, std::string_view id) {
  const auto needs_no_escape = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~/%").find(c) != std::string_view::npos;
  };
  std::string read;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      read.push_back(segment[i]);
      continue;
    }
    const auto byte = from_hex(segment.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return false;
    const char c = static_cast<char>(byte->front());
    if (needs_no_escape(c)) return false;
    read.push_back(c);
    i += 2;
  }
  return read == id;
}

}  // namespace

Result<Token> Token::parse(std::string_view text) {
  if (text.size() > kTokenSizeMax) return Error(kBadToken, "longer than 4096 bytes");
  if (!text.starts_with(kScheme)) return Error(kBadToken, "the scheme is missing");
  text.remove_prefix(kScheme.size());
  Token token;
  while (true) {
    const std::size_t end = text.find('&');
    const std::string_view field = text.substr(0, end);
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos) return Error(kBadToken, "a field without '='");
    PAVISE_TRY(token.take(field.substr(0, equals), field.substr(equals + 1)));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (token.raw_audience_.empty()) return Error(kBadToken, "sr is missing");
  if (!token.has_signature_) return Error(kBadToken, "sig is missing");
  if (token.expiry_text_.empty()) return Error(kBadToken, "se is missing");
  return token;
}

Status Token::take(std::string_view name, std::string_view value) {
  if (name == "sr") {
    if (!raw_audience_.empty()) return kRepeatedField;
    auto decoded = iothub::percent_decode(value);
    if (!decoded || decoded->empty()) return Error(kBadToken, "sr");
    for (const char c : *decoded)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return Error(kBadToken, "sr");
    raw_audience_ = value;
    audience_ = *std::move(decoded);
  } else if (name == "sig") {
    if (has_signature_) return kRepeatedField;
    const auto base64 = iothub::percent_decode(value);
    const auto bytes = base64 ? from_base64(*base64) : std::nullopt;
    if (!bytes || bytes->size() != signature_.size()) return Error(kBadToken, "sig");
    std::ranges::copy(*bytes, signature_.begin());
    has_signature_ = true;
  } else if (name == "se") {
    if (!expiry_text_.empty()) return kRepeatedField;
    if (value.empty() || value.size() > kExpiryDigitsMax ||
        !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }))
      return Error(kBadToken, "se");
    std::from_chars(value.data(), value.data() + value.size(), expiry_);
    expiry_text_ = value;
  } else if (name == "skn") {
    if (has_policy_field_) return kRepeatedField;
    auto policy = iothub::percent_decode(value);
    if (!policy) return Error(kBadToken, "skn");
    has_policy_field_ = true;
    if (!policy->empty()) policy_ = *std::move(policy);
  } else {
    return Error(kBadToken, "an unknown field");
  }
  return {};
}

Status Token::check_signature(ByteView primary, ByteView secondary, KeyForm form) const {
  std::string text = raw_audience_;
  text.append("\n").append(expiry_text_);
  bool matches = false;
  for (const ByteView key : {primary, secondary}) {
    const Digest256 expected = sign(key, form, text);
    const bool same = crypto::constant_time_equal(expected, signature_);
    matches |= same && !key.empty();
  }
  if (!matches) return kWrongSignature;
  return {};
}

Status Token::check_audience(std::span<const std::string_view> segments,
                             AudienceCase compare) const {
  std::string_view rest = audience_;
  for (const std::string_view scheme : {"sb://", "amqps://", "https://"}) {
    if (!rest.starts_with(scheme)) continue;
    rest.remove_prefix(scheme.size());
    break;
  }
  for (std::size_t i = 0;; ++i) {
    const std::size_t end = rest.find('/');
    const std::string_view segment = rest.substr(0, end);
    if (i == segments.size() || i == kAudienceSegmentsMax || segment.empty()) return kWrongAudience;
    const bool same = i == 0 || compare == AudienceCase::folded
                          ? equal_folded(segment, segments[i])
                          : segment == segments[i] || is_encoded_form(segment, segments[i]);
    if (!same) return kWrongAudience;
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
}

Status Token::check_time(UnixSeconds now) const {
  if (expiry_ <= now) return kExpired;
  return {};
}

std::string make_token(std::string_view audience, ByteView key, UnixSeconds expiry,
                       std::string_view policy, KeyForm form) {
  const std::string resource = iothub::percent_encode(audience);
  const std::string expiry_text = std::to_string(expiry);
  const Digest256 signature = sign(key, form, resource + "\n" + expiry_text);
  std::string out(kScheme);
  out.append("sr=").append(resource);
  out.append("&sig=").append(iothub::percent_encode(to_base64(signature)));
  if (!policy.empty()) out.append("&skn=").append(iothub::percent_encode(policy));
  return out.append("&se=").append(expiry_text);
}

}  // namespace pavise::sas
