// A device or module as one line of an export, which an import takes.
#pragma once

#include <string>
#include <string_view>

#include "cloud/hub/rest/bulk_items.h"
#include "cloud/hub/transfers/errors.h"

namespace pavise::hub::transfers {

// With its line end.
std::string device_line(const store::TwinRecord& twin, bool exclude_keys);

// kBadLine, and the errors of rest::bulk_item.
Result<rest::BulkItem> parse_device_line(const iothub::HubName& hub, std::string_view line);

// What importErrors.log says of a line, with its line end. Without an item: the line is none.
std::string error_line(std::uint64_t line, const rest::BulkItem* item, const Error& error);

}  // namespace pavise::hub::transfers
