#include "protocol/manifest/destination.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace pavise::manifest {
namespace {

constexpr std::size_t kAddressTextMax = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kHostLabelLengthMax) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::ranges::all_of(
      label, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; });
}

// Decimal without sign and leading zeros.
std::optional<unsigned> number(std::string_view text, unsigned value_max) {
  unsigned out = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0') ||
      !std::ranges::all_of(text, is_digit))
    return std::nullopt;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc{} || out > value_max) return std::nullopt;
  return out;
}

std::string address_text(const Network& network) {
  std::array<char, kAddressTextMax> out{};
  PAVISE_CHECK(::inet_ntop(network.v6 ? AF_INET6 : AF_INET, network.address.data(), out.data(),
                           out.size()) != nullptr);
  return out.data();
}

bool has_host_bits(const Network& network) {
  const unsigned width = network.v6 ? 128 : 32;
  for (unsigned bit = network.prefix; bit < width; ++bit)
    if ((network.address[bit / 8] & (0x80U >> (bit % 8))) != 0) return true;
  return false;
}

bool means_no_other_host(const Network& network) {
  const auto& a = network.address;
  if (!network.v6) return a[0] == 127 || a[0] == 0;
  if (std::any_of(a.begin(), a.begin() + 10, [](std::uint8_t b) { return b != 0; })) return false;
  // ::, ::1 and whatever holds an IPv4 address in its last bytes.
  return (a[10] == 0 && a[11] == 0) || (a[10] == 0xff && a[11] == 0xff);
}

Result<Network> parse_network(std::string_view text, bool v6) {
  Network out;
  out.v6 = v6;
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.size() >= kAddressTextMax ||
      ::inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), out.address.data()) != 1)
    return Error(kBadHost, v6 ? "no IPv6 address" : "no IPv4 address");
  if (address_text(out) != address) return Error(kBadHost, "write it as " + address_text(out));
  const unsigned width = v6 ? 128 : 32;
  out.prefix = static_cast<std::uint8_t>(width);
  if (slash != std::string_view::npos) {
    const unsigned prefix_min = v6 ? kPrefixV6Min : kPrefixV4Min;
    const auto prefix = number(text.substr(slash + 1), width - 1);
    if (!prefix || *prefix < prefix_min)
      return Error(kBadHost, "a prefix is from " + std::to_string(prefix_min) + " to " +
                                 std::to_string(width - 1));
    out.prefix = static_cast<std::uint8_t>(*prefix);
  }
  if (has_host_bits(out)) return Error(kBadHost, "the address has bits behind the prefix");
  if (means_no_other_host(out)) return Error(kBadHost, "the address never means another host");
  return out;
}

Status take_host(std::string_view host, Destination& out) {
  const std::size_t dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  if (host.find('/') != std::string_view::npos ||
      (!last.empty() && std::ranges::all_of(last, is_digit))) {
    out.kind = Destination::Kind::network;
    PAVISE_TRY_ASSIGN(out.network, parse_network(host, false));
    return {};
  }
  if (host.starts_with("*.")) {
    out.kind = Destination::Kind::wildcard;
    host.remove_prefix(2);
    if (std::ranges::count(host, '.') + 1 < static_cast<std::ptrdiff_t>(kWildcardLabelsMin))
      return Error(kBadHost, "a wildcard needs two labels or more below it");
  }
  if (!is_host_name(host)) return Error(kBadHost, "no host name in lower case");
  if (host == "localhost" || host.ends_with(".localhost"))
    return Error(kBadHost, "the name never means another host");
  out.name = host;
  return {};
}

}  // namespace

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > kHostNameLengthMax) return false;
  std::string_view last;
  for (std::size_t at = 0; at <= text.size(); at += last.size() + 1) {
    last = text.substr(at, text.find('.', at) - at);
    if (!is_label(last)) return false;
  }
  return !std::ranges::all_of(last, is_digit);
}

Result<Destination> Destination::parse(std::string_view text) {
  Destination out;
  std::string_view port;
  bool has_port = false;
  if (text.find("://") != std::string_view::npos) return Error(kBadHost, "a host, not a URL");
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return Error(kBadHost, "no closing bracket");
    out.kind = Kind::network;
    PAVISE_TRY_ASSIGN(out.network, parse_network(text.substr(1, end - 1), true));
    const std::string_view rest = text.substr(end + 1);
    has_port = !rest.empty();
    if (has_port && rest.front() != ':') return Error(kBadHost, "only :PORT follows the bracket");
    if (has_port) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (port.find(':') != std::string_view::npos)
      return Error(kBadHost, "an IPv6 address stands in brackets");
    PAVISE_TRY(take_host(text.substr(0, colon), out));
  }
  if (has_port) {
    const auto value = number(port, 65535);
    if (!value || *value == 0) return Error(kBadHost, "a port is from 1 to 65535");
    out.port = static_cast<std::uint16_t>(*value);
  }
  return out;
}

std::string Destination::text() const {
  std::string out;
  if (kind == Kind::network) {
    out = address_text(network);
    if (network.prefix != (network.v6 ? 128 : 32)) out += "/" + std::to_string(network.prefix);
    if (network.v6) out = "[" + out + "]";
  } else {
    out = (kind == Kind::wildcard ? "*." : "") + name;
  }
  if (port) out += ":" + std::to_string(*port);
  return out;
}

}  // namespace pavise::manifest
