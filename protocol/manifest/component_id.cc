#include "protocol/manifest/component_id.h"

#include <algorithm>

namespace pavise::manifest {
namespace {

constexpr bool is_dash_at(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

}  // namespace

std::optional<ComponentId> ComponentId::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  std::string hex;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (is_dash_at(at) != (c == '-') || (c >= 'A' && c <= 'F')) return std::nullopt;
    if (c != '-') hex.push_back(c);
  }
  const auto bytes = from_hex(hex);
  return bytes ? from_bytes(*bytes) : std::nullopt;
}

std::optional<ComponentId> ComponentId::from_bytes(ByteView bytes) {
  if (bytes.size() != kBytes) return std::nullopt;
  if (std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; })) return std::nullopt;
  ComponentId out;
  std::ranges::copy(bytes, out.bytes_.begin());
  return out;
}

std::string ComponentId::text() const {
  std::string out = to_hex(bytes_);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) out.insert(at, 1, '-');
  return out;
}

}  // namespace pavise::manifest
