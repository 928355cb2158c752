// Devices, modules and twins as the JSON of IoT Hub, both ways (reference: iothub-dps-wire D1).
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cloud/hub/store/records.h"

namespace pavise::hub::rest {

// "0001-01-01T00:00:00Z" for never.
std::string time_text(UnixMillis time_ms);

boost::json::object identity_json(const store::IdentityRecord& record, bool connected);
// JSON.
std::string twin_document(const store::TwinRecord& record, bool connected);
// Without the parts that are not wanted; without `head` only the parts.
std::string twin_document(const store::TwinRecord& record, bool connected, bool head,
                          const store::TwinParts& parts);

// One object, bounded in depth. kBadBody.
Result<boost::json::object> object_of(std::string_view text);

// The writable part of a device or module. Without a type the authentication is what its members
// say: thumbprints mean selfSigned, anything else sas. kBadBody names the member.
Result<store::IdentityFields> identity_fields(const boost::json::object& body);

// "enabled, sas": what it is now, in a few words without keys.
std::string described(const store::IdentityFields& fields);

// A member that must be a string if it is there. kBadBody.
Result<std::string> text_member(const boost::json::object& object, std::string_view name);

}  // namespace pavise::hub::rest
