// Who may speak: the decision behind every protocol's way of authenticating.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cloud/hub/ports/principal.h"
#include "common/base/bytes.h"

namespace pavise::hub {

// What TLS proved: the client holds the key of the first certificate. Nothing else is checked yet.
struct TlsPeer {
  std::span<const Bytes> chain{};     // DER, leaf first; empty: no certificate
  std::string_view server_name = {};  // SNI; empty: none
};

// The rights of these may have changed: what they were granted ends, and with it the connections
// that serve nobody else. Those that are still in order come back.
struct RightsChanged {
  std::string device;  // in every hub, unless one is named; empty: every device of the named hub
  std::optional<iothub::HubName> hub = {};
  std::optional<std::string> module_id = {};  // nullopt: the device and all its modules
  Error reason;

  bool concerns(const iothub::Identity& identity) const {
    const bool whole_hub = device.empty() && hub.has_value();
    return (whole_hub || identity.device() == device) && (!hub || identity.hub() == *hub) &&
           (!module_id || identity.module_id() == *module_id);
  }
};

// Thread-safe; answers from memory, never blocks on disk.
class Gatekeeper {
 public:
  virtual ~Gatekeeper() = default;
  // The reason is for the hub's log; the client only hears that it is not authorised.
  virtual Result<Principal> authenticate(const Claim& claim, const TlsPeer& peer) = 0;
  // The hub of this host name, whoever asks for it; nullopt: there is none.
  virtual std::optional<iothub::HubName> hub_of(std::string_view host) const = 0;
  // Called from any thread; must not block. There is no unsubscribe: a subscriber bears calls
  // after its end.
  virtual void subscribe(std::function<void(const RightsChanged&)> changed) = 0;
};

}  // namespace pavise::hub
