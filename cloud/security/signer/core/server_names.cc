#include "cloud/security/signer/core/server_names.h"

#include <arpa/inet.h>

#include <algorithm>

namespace pavise::security::signer {
namespace {

constexpr std::size_t kHostNameBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;
constexpr std::string_view kAnyLabel = "*.";

bool is_label(std::string_view label) {
  const auto is_good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, is_good);
}

bool is_host_name(std::string_view name) {
  if (name.size() > kHostNameBytesMax) return false;
  while (true) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

// Also "*.hub.example": every hub's name is a label of its own (RFC 9525, 6.3). Never "*.example",
// which would be a whole registry's.
bool is_server_name(std::string_view name) {
  if (name.size() > kHostNameBytesMax) return false;
  if (!name.starts_with(kAnyLabel)) return is_host_name(name);
  name.remove_prefix(kAnyLabel.size());
  return name.contains('.') && is_host_name(name);
}

std::optional<Bytes> address_of(const std::string& text) {
  Bytes four(4);
  if (::inet_pton(AF_INET, text.c_str(), four.data()) == 1) return four;
  Bytes sixteen(16);
  if (::inet_pton(AF_INET6, text.c_str(), sixteen.data()) == 1) return sixteen;
  return std::nullopt;
}

}  // namespace

Result<std::vector<Bytes>> check_server_names(const ServerRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty())
    return Error(kSignerPolicy, "no name and no address");
  if (request.dns_names.size() > kServerNamesMax || request.ip_addresses.size() > kServerNamesMax)
    return Error(kSignerPolicy, "too many names");
  for (const std::string& name : request.dns_names)
    if (!is_server_name(name)) return Error(kSignerPolicy, "not a host name");
  std::vector<Bytes> addresses;
  for (const std::string& text : request.ip_addresses) {
    auto address = address_of(text);
    if (!address) return Error(kSignerPolicy, "not an IP address");
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace pavise::security::signer
