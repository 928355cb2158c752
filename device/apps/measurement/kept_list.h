// The app events of this boot in a file: one text on each line, in their order.
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "protocol/app_measurement/app_event.h"

namespace pavise::device {

inline constexpr ErrorInfo kListUnreadable{
    "PV-AMS-001", Retry::never, "the list of the apps that were measured in this boot is damaged",
    "Boot the device again; until then no app starts."};
inline constexpr ErrorInfo kListNotKept{
    "PV-AMS-002", Retry::later, "the list of the apps that were measured in this boot is not kept",
    "See the system's reason in the detail; the app was not started."};

inline constexpr std::size_t kKeptListBytesMax =
    app_measurement::kAppEventsMax * (app_measurement::kAppEventBytesMax + 1);

// kListUnreadable: not whole lines, or not what an AppEventList takes.
Result<std::vector<std::string>> parse_kept_list(ByteView content);

// No file is an empty list. Blocks for the file. kListUnreadable.
Result<std::vector<std::string>> read_kept_list(const std::string& path);

// All of it or, on failure, what was there before. Beside `path` it uses `path`.new. Blocks for the
// file. kListNotKept.
Status write_kept_list(const std::string& path, const std::vector<std::string>& texts);

}  // namespace pavise::device
