// Names of hubs and of what lives in them: device and module identities (reference: iothub-dps-wire
// F5). An attested Pavise device is a hub identity whose device id is its DeviceId.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ids.h"

namespace pavise::iothub {

// Device and module ids: 1 to 128 characters of A-Z a-z 0-9 and - : . + % _ # * ? ! ( ) , = @ ; $ '
inline constexpr std::size_t kIdSizeMax = 128;
bool is_valid_id(std::string_view text);

// 3 to 63 characters of a-z, 0-9 and '-', beginning and ending with a letter or digit: one label of
// a host name. Upper case is folded: host names are compared without case.
class HubName {
 public:
  static constexpr std::size_t kLengthMin = 3;
  static constexpr std::size_t kLengthMax = 63;

  static std::optional<HubName> parse(std::string_view text);
  // The hub that every tenant has for its attested devices. People cannot create such names.
  static HubName of_tenant(const TenantId& tenant);
  bool is_of_tenant() const { return text_.starts_with(kTenantPrefix); }
  const std::string& text() const { return text_; }
  auto operator<=>(const HubName&) const = default;

 private:
  static constexpr std::string_view kTenantPrefix = "tenant-";
  explicit HubName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// One device, or one module of a device, in one hub. Ids are case-sensitive.
class Identity {
 public:
  // nullopt: an id is not valid. An empty module id names the device itself.
  static std::optional<Identity> make(HubName hub, std::string_view device,
                                      std::string_view module_id = {});

  const HubName& hub() const { return hub_; }
  const std::string& device() const { return device_; }
  const std::string& module_id() const { return module_; }  // empty: the device itself
  bool is_module() const { return !module_.empty(); }
  Identity of_device() const { return {hub_, device_, {}}; }
  // "{device}" or "{device}/{module}": the MQTT client id, the X.509 common name.
  std::string client_id() const { return is_module() ? device_ + "/" + module_ : device_; }
  // "devices/{device}" or "devices/{device}/modules/{module}", not percent-encoded.
  std::string resource_path() const {
    return "devices/" + device_ + (is_module() ? "/modules/" + module_ : "");
  }
  auto operator<=>(const Identity&) const = default;

 private:
  Identity(HubName hub, std::string device, std::string module_id)
      : hub_(std::move(hub)), device_(std::move(device)), module_(std::move(module_id)) {}
  HubName hub_;
  std::string device_;
  std::string module_;
};

}  // namespace pavise::iothub

template <>
struct std::hash<pavise::iothub::HubName> {
  std::size_t operator()(const pavise::iothub::HubName& name) const noexcept {
    return std::hash<std::string>{}(name.text());
  }
};
template <>
struct std::hash<pavise::iothub::Identity> {
  std::size_t operator()(const pavise::iothub::Identity& identity) const noexcept;
};
