#include "cloud/hub/rest/method_json.h"

#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/rest_api.h"
#include "common/json/exact_json.h"
#include "protocol/iothub/topics.h"

namespace pavise::hub::rest {

namespace json = boost::json;

namespace {

constexpr std::int64_t kResponseTimeoutDefaultS = 30;

Result<std::int64_t> seconds(const json::object& body, std::string_view name,
                             std::int64_t otherwise) {
  const json::value* const value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return otherwise;
  if (!value->is_int64() || value->get_int64() < 0 ||
      value->get_int64() > kMethodTimeoutMaxMs / 1000)
    return Error(kBadBody, std::string(name) + " is a number from 0 to 300");
  return value->get_int64();
}

}  // namespace

Result<MethodInvocation> method_of(const json::object& body, const iothub::Identity& identity) {
  MethodInvocation out{.identity = identity, .name = {}, .payload_json = {}};
  PAVISE_TRY_ASSIGN(out.name, text_member(body, "methodName"));
  if (!iothub::is_valid_method_name(out.name))
    return Error(kBadBody, "methodName is 1 to 128 characters, none of them a control character");
  if (const json::value* const payload = body.if_contains("payload"); payload != nullptr)
    out.payload_json = json::serialize(*payload);
  PAVISE_TRY_ASSIGN(const auto connect_s, seconds(body, "connectTimeoutInSeconds", 0));
  PAVISE_TRY_ASSIGN(const auto response_s,
                    seconds(body, "responseTimeoutInSeconds", kResponseTimeoutDefaultS));
  out.connect_timeout_ms = connect_s * 1000;
  out.response_timeout_ms = response_s * 1000;
  return out;
}

Result<json::object> method_reply_json(const MethodReply& reply) {
  boost::system::error_code ec;
  json::value payload = parse_finite(reply.payload_json, kJsonDepthDefault, ec);
  if (ec) return Error(kBadMethodAnswer, ec.message());
  return json::object{{"status", reply.status}, {"payload", std::move(payload)}};
}

}  // namespace pavise::hub::rest
