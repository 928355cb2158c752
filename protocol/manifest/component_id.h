// Which app it is, whatever its version: a UUID (RFC 9562), lower-case with dashes, never nil.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace pavise::manifest {

class ComponentId {
 public:
  static constexpr std::size_t kBytes = 16;
  static constexpr std::size_t kTextLength = 36;

  static std::optional<ComponentId> parse(std::string_view text);
  // nullopt: another length, or all zero.
  static std::optional<ComponentId> from_bytes(ByteView bytes);

  std::string text() const;
  const std::array<std::byte, kBytes>& bytes() const { return bytes_; }
  auto operator<=>(const ComponentId&) const = default;

 private:
  ComponentId() = default;
  std::array<std::byte, kBytes> bytes_{};
};

}  // namespace pavise::manifest
