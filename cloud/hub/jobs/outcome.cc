#include "cloud/hub/jobs/outcome.h"

#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/method_json.h"

namespace pavise::hub::jobs {

namespace json = boost::json;

Result<std::string> method_outcome(const Result<MethodReply>& reply) {
  if (!reply) return error_outcome(reply.error());
  PAVISE_TRY_ASSIGN(json::object answer, rest::method_reply_json(*reply));
  return json::serialize(
      json::object{{"outcome", json::object{{"deviceMethodResponse", std::move(answer)}}}});
}

std::string error_outcome(const Error& error) {
  const iothub::HubErrorCode code = iothub::to_hub_error(error.info(), rest::error_rows());
  return json::serialize(json::object{{"error", json::object{{"code", iothub::hub_error(code).name},
                                                             {"description", error.message()}}}});
}

store::IfMatch if_match_of(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  if (etag.empty() || etag == "*") return std::nullopt;
  return std::string(etag);
}

}  // namespace pavise::hub::jobs
