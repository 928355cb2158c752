#include "protocol/iothub/identity.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace pavise::iothub {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_valid_id(std::string_view text) {
  constexpr std::string_view kMarks = "-:.+%_#*?!(),=@;$'";
  return !text.empty() && text.size() <= kIdSizeMax && std::ranges::all_of(text, [&](char c) {
    return is_letter_or_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

std::optional<HubName> HubName::parse(std::string_view text) {
  if (text.size() < kLengthMin || text.size() > kLengthMax) return std::nullopt;
  if (text.front() == '-' || text.back() == '-') return std::nullopt;
  std::string folded;
  folded.reserve(text.size());
  for (const char c : text) {
    if (!is_letter_or_digit(c) && c != '-') return std::nullopt;
    folded.push_back(ascii_lower(c));
  }
  return HubName(std::move(folded));
}

HubName HubName::of_tenant(const TenantId& tenant) {
  static_assert(kTenantPrefix.size() + TenantId::kLengthMax <= kLengthMax);
  return HubName(std::string(kTenantPrefix) + tenant.text());
}

std::optional<Identity> Identity::make(HubName hub, std::string_view device,
                                       std::string_view module_id) {
  if (!is_valid_id(device)) return std::nullopt;
  if (!module_id.empty() && !is_valid_id(module_id)) return std::nullopt;
  return Identity(std::move(hub), std::string(device), std::string(module_id));
}

}  // namespace pavise::iothub

std::size_t std::hash<pavise::iothub::Identity>::operator()(
    const pavise::iothub::Identity& identity) const noexcept {
  const std::hash<std::string> hash;
  std::size_t mixed = hash(identity.device());
  for (const std::string* part : {&identity.module_id(), &identity.hub().text()})
    mixed = mixed * 31 + hash(*part);
  return mixed;
}
