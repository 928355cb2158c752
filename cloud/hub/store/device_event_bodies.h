// Private to the store: what an event of a device says, as the JSON that readers get. None of these
// is longer than kDeviceEventBodyMax.
#pragma once

#include <string>
#include <string_view>

#include "cloud/hub/store/records.h"

namespace pavise::hub::store {

// The patches were applied to the twin already; what does not parse is left out.
std::string reported_change_body(const twin::Twin& twin, std::string_view patch_json);
// Of a service's PATCH: a document with "tags" and "properties.desired".
std::string twin_change_body(const twin::Twin& twin, std::string_view change_json);
// Of a service's PUT: all that it can write, as it is now.
std::string twin_replaced_body(const twin::Twin& twin);
// Of a life cycle event.
std::string twin_body(const iothub::Identity& id, const twin::Twin& twin);
// Number of the event as 64 hexadecimal digits: a later one is greater as text.
std::string connection_body(std::int64_t number);

}  // namespace pavise::hub::store
