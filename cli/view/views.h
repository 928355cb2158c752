// Answers of the management API as text for people. Each function takes the parsed answer of the
// operation it is named after; a member that is missing or of another type shows as "-".
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace pavise::cli::view {

std::string status(const boost::json::value& answer, bool colour);
// "ok, 1234 of 5678 MiB free", and what is refused.
std::string storage_text(const boost::json::value& storage);
std::string tenants(const boost::json::value& answer, bool colour);
std::string tenant(const boost::json::value& answer, bool colour);
std::string devices(const boost::json::value& answer, bool colour);
std::string device(const boost::json::value& answer, bool colour);
std::string evidence(const boost::json::value& answer, bool colour);
std::string evidence_history(const boost::json::value& answer, bool colour);
std::string telemetry_item(const boost::json::value& item, bool colour);  // one line
std::string twin(const boost::json::value& answer, bool colour);
std::string releases(const boost::json::value& answer, bool colour);
std::string release(const boost::json::value& answer, bool colour);
std::string vendors(const boost::json::value& answer, bool colour);
std::string vendor(const boost::json::value& answer, bool colour);
std::string release_keys(const boost::json::value& answer, bool colour);
std::string release_key(const boost::json::value& answer, bool colour);
std::string tokens(const boost::json::value& answer, bool colour);
std::string audit(const boost::json::value& answer, bool colour);

}  // namespace pavise::cli::view
