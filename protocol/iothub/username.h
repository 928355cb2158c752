// The MQTT user name of the IoT Hub dialect (reference: iothub-dps-wire A1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "protocol/iothub/errors.h"
#include "protocol/iothub/identity.h"

namespace pavise::iothub {

inline constexpr std::size_t kUsernameSizeMax = 4096;

// Forms that are understood, `?...` being a query whose first occurrence of a key wins and whose
// unknown keys are ignored:
//   {host}/{device}/?{query}     {host}/{device}/{module}/?{query}
//   {host}/{device}/{query}      {host}/{device}/{module}/{query}      (last part has api-version=)
//   {host}/{device}/api-version={v}/DeviceClientType={t}[/...]         (2017 clients)
class Username {
 public:
  // kBadUsername, kNoApiVersion, kBadEscape.
  static Result<Username> parse(std::string_view text);

  const std::string& host() const { return host_; }
  const std::string& device() const { return device_; }
  const std::optional<std::string>& module_id() const { return module_; }
  const std::string& api_version() const { return api_version_; }
  const std::string& client_type() const { return client_type_; }  // may be empty
  const std::optional<std::string>& model_id() const { return model_id_; }
  // "{device}" or "{device}/{module}": what the MQTT client id must be.
  std::string client_id() const;

 private:
  Username() = default;
  Status take_query(std::string_view query);

  std::string host_;
  std::string device_;
  std::optional<std::string> module_;
  std::string api_version_;
  std::string client_type_;
  std::optional<std::string> model_id_;
};

// What a device sends. `api_version` as "2021-04-12".
std::string make_username(std::string_view host, std::string_view client_id,
                          std::string_view api_version, std::string_view client_type);

}  // namespace pavise::iothub
