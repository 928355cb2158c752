// Twins and presence for the management API, from the hub.
#pragma once

#include <functional>

#include "cloud/server/routes/hub_ports.h"

namespace pavise::server {

// What of the hub is used; as hub::Hub has it.
struct TwinCalls {
  // {"desired":{...,"$version":n},"reported":{...,"$version":n}}
  std::function<Result<std::string>(const DeviceId&)> twin_json;
  std::function<Result<std::uint64_t>(const DeviceId&, std::string_view,
                                      std::optional<std::uint64_t>)>
      merge_desired;
  std::function<Status(const DeviceId&)> forget;
};

class StoreTwins final : public Twins {
 public:
  explicit StoreTwins(TwinCalls calls) : calls_(std::move(calls)) {}

  // kCorruptTwin and the hub's errors; change_desired also kTwinChanged and those of a patch.
  Result<TwinDocument> read(const DeviceId& device) override;
  Result<TwinDocument> change_desired(const DeviceId& device, const std::string& patch,
                                      std::optional<std::uint64_t> if_version) override;
  Status forget(const DeviceId& device) override { return calls_.forget(device); }

 private:
  TwinCalls calls_;
};

}  // namespace pavise::server
