#include "common/net/url.h"

#include <charconv>

namespace pavise::net {

Result<Url> Url::parse(std::string_view text) {
  constexpr std::string_view kScheme = "https://";
  const Error bad(kBadUrl, std::string(text));
  if (!text.starts_with(kScheme)) return bad;
  text.remove_prefix(kScheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  Url out;
  std::size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    host_end = text.find(']');
    if (host_end == std::string_view::npos) return bad;
    out.host = text.substr(1, host_end - 1);
    ++host_end;
  } else {
    out.host = text.substr(0, host_end);
  }
  const bool plain =
      out.host.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") == std::string::npos;
  if (out.host.empty() || !plain) return bad;
  if (host_end >= text.size()) return out;
  const std::string_view port = text.substr(host_end);
  const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
  if (port.size() < 2 || port[0] != ':' || error != std::errc{} ||
      end != port.data() + port.size() || out.port == 0)
    return bad;
  return out;
}

}  // namespace pavise::net
