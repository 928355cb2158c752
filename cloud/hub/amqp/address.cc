#include "cloud/hub/amqp/address.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "common/base/ascii.h"
#include "protocol/iothub/percent.h"

namespace pavise::hub {
namespace {

// Length of "{scheme}://" at the start; 0: none.
std::size_t scheme_size(std::string_view text) {
  const std::size_t end = text.find("://");
  return end == std::string_view::npos || end > 8 ? 0 : end + 3;
}

Result<std::vector<std::string>> split(std::string_view path) {
  std::vector<std::string> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    PAVISE_TRY_ASSIGN(std::string segment, iothub::percent_decode(path.substr(0, end)));
    if (segment.empty()) return kUnknownAddress;
    out.push_back(std::move(segment));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
  }
  return out;
}

using Segments = std::span<const std::string>;

bool are(Segments segments, std::initializer_list<std::string_view> fixed) {
  return std::ranges::equal(segments, fixed, equal_folded);
}

Result<Address> of_device(Segments path) {
  Address out;
  out.device = path[1];
  path = path.subspan(2);
  if (path.size() > 2 && equal_folded(path[0], "modules")) {
    out.module_id = path[1];
    path = path.subspan(2);
  }
  if (are(path, {"messages", "events"})) {
    out.kind = Address::Kind::telemetry;
  } else if (are(path, {"messages", "devicebound"})) {
    out.kind = Address::Kind::device_messages;
  } else if (are(path, {"methods", "devicebound"})) {
    out.kind = Address::Kind::methods;
  } else if (are(path, {"twin"})) {
    out.kind = Address::Kind::twin;
  } else {
    return kUnknownAddress;
  }
  return out;
}

Result<Address> of_events(Segments path) {
  Address out;
  out.entity = path[0];
  if (path.size() == 2 && equal_folded(path[1], "$management")) {
    out.kind = Address::Kind::event_management;
    return out;
  }
  if (path.size() != 5 || !equal_folded(path[1], "consumergroups") ||
      !equal_folded(path[3], "partitions"))
    return kUnknownAddress;
  out.kind = Address::Kind::event_partition;
  out.consumer_group = path[2];
  const std::string& number = path[4];
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), out.partition);
  if (error != std::errc{} || end != number.data() + number.size()) return kUnknownAddress;
  return out;
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.empty() || text.size() > kAddressSizeMax) return kUnknownAddress;
  if (const std::size_t scheme = scheme_size(text); scheme != 0) {
    text.remove_prefix(scheme);
    const std::size_t path = text.find('/');
    if (path == std::string_view::npos) return kUnknownAddress;
    text.remove_prefix(path);
  }
  PAVISE_TRY_ASSIGN(const std::vector<std::string> segments, split(text));
  const Segments path = segments;
  using enum Kind;
  if (path.empty()) return kUnknownAddress;
  if (are(path, {"$cbs"})) return Address{cbs};
  if (are(path, {"$management"})) return Address{event_management};
  if (path.size() >= 3 && equal_folded(path[0], "devices")) return hub::of_device(path);
  if (are(path, {"messages", "devicebound"})) return Address{service_messages};
  if (are(path, {"messages", "servicebound", "feedback"})) return Address{feedback};
  if (are(path, {"messages", "servicebound", "filenotifications"}))
    return Address{file_notifications};
  if (path.size() >= 2 && are(path.first(2), {"messages", "events"}))
    return Address{event_redirect};
  return hub::of_events(path);
}

Result<Audience> Audience::parse(std::string_view text) {
  if (text.empty() || text.size() > kAddressSizeMax) return kUnknownAddress;
  std::string whole;
  if (!text.contains('/')) {  // encoded as a whole, or a host alone
    PAVISE_TRY_ASSIGN(whole, iothub::percent_decode(text));
    text = whole;
  }
  Audience out;
  if (const std::size_t scheme = scheme_size(text); scheme != 0) {
    out.event_hub = equal_folded(text.substr(0, scheme), "sb://");
    text.remove_prefix(scheme);
  }
  const std::size_t end = text.find('/');
  out.host = text.substr(0, end);
  if (out.host.empty()) return kUnknownAddress;
  // An Event Hubs endpoint may carry its port.
  if (const std::size_t port = out.host.find(':'); port != std::string::npos) out.host.resize(port);
  if (end != std::string_view::npos) {
    PAVISE_TRY_ASSIGN(out.segments, split(text.substr(end)));
  }
  return out;
}

}  // namespace pavise::hub
