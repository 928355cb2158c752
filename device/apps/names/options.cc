#include "device/apps/names/options.h"

#include <arpa/inet.h>

#include <charconv>
#include <string>

#include "device/apps/names/exchange.h"

namespace pavise::device {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out == 0) return std::nullopt;
  return out;
}

// An address that is one host's, and a port if there is one.
std::optional<sockaddr_in> place_of(std::string_view text) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(kNamePort);
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto port = number<std::uint16_t>(text.substr(colon + 1));
    if (!port) return std::nullopt;
    out.sin_port = htons(*port);
  }
  const std::string address(text.substr(0, colon));
  if (::inet_pton(AF_INET, address.c_str(), &out.sin_addr) != 1 || out.sin_addr.s_addr == 0)
    return std::nullopt;
  return out;
}

}  // namespace

Result<NamesOptions> parse_names_options(std::span<const char* const> arguments) {
  NamesOptions out;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string_view name = arguments[i];
    if (i + 1 == arguments.size()) return Error(kNamesUsage, std::string(name));
    const std::string_view value = arguments[i + 1];
    if (name == "--user") {
      out.user = number<uid_t>(value).value_or(0);
    } else if (name == "--upstream") {
      out.upstream = place_of(value);
      if (!out.upstream) return Error(kNamesUsage, std::string(value));
    } else {
      return Error(kNamesUsage, std::string(name));
    }
  }
  if (out.user == 0) return Error(kNamesUsage, "--user");
  return out;
}

std::optional<sockaddr_in> upstream_of_pnp(std::string_view text) {
  constexpr std::string_view kKey = "nameserver ";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(kKey)) continue;
    if (const auto place = place_of(line.substr(kKey.size()))) return place;
  }
  return std::nullopt;
}

}  // namespace pavise::device
