// Who speaks on a connection: what a client claims, and what the hub made of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "protocol/iothub/identity.h"

namespace pavise::hub {

// Rights of a shared access policy, as IoT Hub names them.
enum class Right : std::uint8_t {
  registry_read = 1,
  registry_write = 2,
  service_connect = 4,
  device_connect = 8,
};
using Rights = std::uint8_t;
constexpr bool has(Rights rights, Right right) {
  return (rights & static_cast<Rights>(right)) != 0;
}

enum class AuthMethod : std::uint8_t { attested, sas, x509 };

// What a client says about itself, before anything is believed. The certificate of the TLS
// connection is not part of it: the port knows its own connection. Borrowed texts.
struct Claim {
  std::string_view host;                     // the hub's host name inside the protocol; empty: SNI
  std::optional<std::string_view> device{};  // nullopt: a service, or a gateway with a policy
  std::string_view module_id{};              // empty: the device itself
  std::string_view sas_token{};              // empty: the TLS certificate must do
  // Of a service: segments below the host that its token must cover, and whether it is an Event
  // Hubs client, which signs with the text of the key and folds the audience's case.
  std::span<const std::string_view> resource{};
  bool event_hub = false;
  // Instead of a token, of an Event Hubs client over SASL PLAIN: a policy and the text of its key.
  std::string_view policy{};
  std::string_view policy_key{};
};

struct Principal {
  iothub::HubName hub;
  TenantId tenant;
  std::optional<iothub::Identity> identity;  // device or module; nullopt: by a policy
  std::string policy = {};                   // the policy whose key signed; empty: none
  Rights rights = 0;                         // an identity of its own has device_connect
  AuthMethod method = AuthMethod::sas;
  std::string generation_id = {};
  std::string certificate_serial = {};  // of an attested device
  UnixMillis expires_ms = 0;            // what was granted ends then
  bool may_ask_for_faults = false;      // the hub is set to: protocol/iothub/fault.h
};

}  // namespace pavise::hub
