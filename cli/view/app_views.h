// What a device says about its apps (api/methods.cddl) as text for people.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace pavise::cli::view {

std::string apps(const boost::json::value& answer, bool colour);
std::string app_stats(const boost::json::value& answer, bool colour);
std::string app_acted(const boost::json::value& answer, bool colour);
std::string app_deployed(const boost::json::value& answer, bool colour);
std::string app_removed(const boost::json::value& answer, bool colour);
std::string app_line(const boost::json::value& line);

}  // namespace pavise::cli::view
