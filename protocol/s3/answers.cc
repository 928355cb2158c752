#include "protocol/s3/answers.h"

#include <algorithm>
#include <optional>

namespace pavise::s3 {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The text of the first element of this name, which has no attributes and no elements inside, and
// what stands behind it.
struct Found {
  std::string_view text;
  std::string_view rest;
};
std::optional<Found> find(std::string_view in, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const std::string close = "</" + std::string(name) + ">";
  const std::size_t begin = in.find(open);
  if (begin == std::string_view::npos) return std::nullopt;
  in.remove_prefix(begin + open.size());
  const std::size_t end = in.find('<');
  if (end == std::string_view::npos || !in.substr(end).starts_with(close)) return std::nullopt;
  return Found{in.substr(0, end), in.substr(end + close.size())};
}

}  // namespace

std::string error_code(ByteView body) {
  const auto found = find(as_text(body), "Code");
  if (!found || found->text.size() > kErrorCodeSizeMax ||
      !std::ranges::all_of(found->text, is_alphanumeric))
    return {};
  return std::string(found->text);
}

Result<Listing> parse_listing(ByteView body) {
  const std::string_view text = as_text(body);
  if (text.find("<ListBucketResult") == std::string_view::npos)
    return Error(kBadListing, "it is something else");
  Listing out;
  const auto truncated = find(text, "IsTruncated");
  if (!truncated || (truncated->text != "true" && truncated->text != "false"))
    return Error(kBadListing, "IsTruncated");
  out.truncated = truncated->text == "true";
  std::size_t seen = 0;
  std::string_view rest = text;
  while (rest.find("<Key>") != std::string_view::npos) {
    const auto key = find(rest, "Key");
    if (!key || key->text.size() > kListedKeySizeMax) return Error(kBadListing, "a key");
    if (++seen > kListedMax) return Error(kBadListing, "too many keys");
    const bool ours = std::ranges::all_of(key->text, [](char c) {
      return is_alphanumeric(c) || c == '/' || c == '-' || c == '.' || c == '_';
    });
    if (ours) out.keys.emplace_back(key->text);
    rest = key->rest;
  }
  return out;
}

}  // namespace pavise::s3
