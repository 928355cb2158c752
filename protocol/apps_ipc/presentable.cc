#include <algorithm>

#include "protocol/apps_ipc/apps_ipc.h"

namespace pavise::apps_ipc {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Bytes of the well-formed character at the beginning (RFC 3629 section 4); 0: there is none.
std::size_t character_bytes(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  const auto follows = [&](std::size_t at) { return (byte_at(text, at) & 0xc0U) == 0x80; };
  for (std::size_t at = 1; at < size; ++at)
    if (!follows(at)) return 0;
  const unsigned second = byte_at(text, 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool beyond = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || beyond ? 0 : size;
}

// C0, DEL, and C1 (U+0080 to U+009F: C2 80 to C2 9F).
bool is_control(std::string_view character) {
  const unsigned first = byte_at(character, 0);
  return first < 0x20 || first == 0x7f || (first == 0xc2 && byte_at(character, 1) < 0xa0);
}

}  // namespace

bool is_presentable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character_bytes(text);
    if (size == 0 || is_control(text.substr(0, size))) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string presentable(std::string_view raw, std::size_t bytes_max) {
  std::string out;
  out.reserve(std::min(raw.size(), bytes_max));
  while (!raw.empty()) {
    const std::size_t size = std::max<std::size_t>(1, character_bytes(raw));
    std::string_view character = raw.substr(0, size);
    if (character_bytes(raw) == 0 || is_control(character)) character = raw[0] == '\t' ? " " : "?";
    if (out.size() + character.size() > bytes_max) break;
    out.append(character);
    raw.remove_prefix(size);
  }
  return out;
}

}  // namespace pavise::apps_ipc
