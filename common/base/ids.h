// Strong identifiers. Each can only be made by parse(), so a value of the type is well-formed.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pavise {

// Lower-case hex SHA-256 of the TPM Name of the EK's public area: 64 characters, fits an X.509 CN.
class DeviceId {
 public:
  static constexpr std::size_t kLength = 64;

  static std::optional<DeviceId> parse(std::string_view text) {
    if (text.size() != kLength) return std::nullopt;
    for (const char c : text)
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
    return DeviceId(text);
  }
  const std::string& text() const { return text_; }
  auto operator<=>(const DeviceId&) const = default;

 private:
  explicit DeviceId(std::string_view text) : text_(text) {}
  std::string text_;
};

// Tenant name: 1 to 50 characters of a-z, 0-9 and '-', starting with a letter, not ending with '-'.
class TenantId {
 public:
  static constexpr std::size_t kLengthMax = 50;

  static std::optional<TenantId> parse(std::string_view text) {
    if (text.empty() || text.size() > kLengthMax) return std::nullopt;
    if (text.front() < 'a' || text.front() > 'z' || text.back() == '-') return std::nullopt;
    for (const char c : text)
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-')) return std::nullopt;
    return TenantId(text);
  }
  const std::string& text() const { return text_; }
  auto operator<=>(const TenantId&) const = default;

 private:
  explicit TenantId(std::string_view text) : text_(text) {}
  std::string text_;
};

}  // namespace pavise

template <>
struct std::hash<pavise::DeviceId> {
  std::size_t operator()(const pavise::DeviceId& id) const noexcept {
    return std::hash<std::string>{}(id.text());
  }
};
template <>
struct std::hash<pavise::TenantId> {
  std::size_t operator()(const pavise::TenantId& id) const noexcept {
    return std::hash<std::string>{}(id.text());
  }
};
