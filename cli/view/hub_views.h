// Answers about hubs as text for people: of the management API, and of a hub's own REST interface.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace pavise::cli::view {

std::string hubs(const boost::json::value& answer, bool colour);
std::string hub_files(const boost::json::value& answer, bool colour);
std::string hub(const boost::json::value& answer, bool colour);
std::string hub_certificates(const boost::json::value& answer, bool colour);
std::string hub_certificate(const boost::json::value& answer, bool colour);
std::string hub_configurations(const boost::json::value& answer, bool colour);
std::string hub_configuration(const boost::json::value& answer, bool colour);
// {"metric":..., "query":..., "result":[rows]}
std::string hub_metric(const boost::json::value& answer, bool colour);
std::string routing_endpoints(const boost::json::value& answer, bool colour);
std::string routing_endpoint(const boost::json::value& answer, bool colour);
std::string routes(const boost::json::value& answer, bool colour);
std::string route(const boost::json::value& answer, bool colour);
std::string route_test(const boost::json::value& answer, bool colour);
std::string hub_event(const boost::json::value& item, bool colour);  // one line

std::string identities(const boost::json::value& answer, bool colour);  // devices or modules
std::string identity(const boost::json::value& answer, bool colour);
std::string hub_twin(const boost::json::value& answer, bool colour);
std::string method_result(const boost::json::value& answer, bool colour);
std::string query_rows(const boost::json::value& answer, bool colour);  // whatever was selected
std::string hub_jobs(const boost::json::value& answer, bool colour);
std::string hub_job(const boost::json::value& answer, bool colour);
std::string hub_transfer(const boost::json::value& answer, bool colour);
std::string purged(const boost::json::value& answer, bool colour);

}  // namespace pavise::cli::view
