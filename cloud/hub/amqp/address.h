// Link addresses in their three forms (reference 0.3): a path, a full URI, either with other case
// in its fixed segments and percent-encoded ids.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/amqp/errors.h"

namespace pavise::hub {

inline constexpr std::size_t kAddressSizeMax = 1024;

struct Address {
  enum class Kind {
    cbs,                 // $cbs
    telemetry,           // /devices/{d}[/modules/{m}]/messages/events
    device_messages,     // .../messages/devicebound
    methods,             // .../methods/devicebound
    twin,                // .../twin
    service_messages,    // /messages/devicebound
    feedback,            // /messages/serviceBound/feedback
    file_notifications,  // /messages/serviceBound/filenotifications
    event_redirect,      // /messages/events[/...]: read elsewhere
    event_management,    // [{entity}/]$management; node names no entity
    event_partition,     // {entity}/ConsumerGroups/{group}/Partitions/{number}
  };
  Kind kind = Kind::cbs;
  std::string device = {};  // of a device's address; case-sensitive
  std::string module_id = {};
  std::string entity = {};  // of an event address
  std::string consumer_group = {};
  unsigned partition = 0;

  bool operator==(const Address&) const = default;
  bool of_device() const { return kind >= Kind::telemetry && kind <= Kind::twin; }
  bool of_events() const { return kind >= Kind::event_management; }

  // kUnknownAddress.
  static Result<Address> parse(std::string_view text);
};

// "{scheme}://{host}/a/b", "{host}/a/b", wholly percent-encoded or by segment: what a token is for.
struct Audience {
  std::string host;
  std::vector<std::string> segments;  // decoded
  bool event_hub = false;             // "sb://"

  static Result<Audience> parse(std::string_view text);  // kUnknownAddress
};

}  // namespace pavise::hub
