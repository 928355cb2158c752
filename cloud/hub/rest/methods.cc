// Direct methods, answered when the device has.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/routes.h"
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

Result<MethodInvocation> invocation_of(const Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
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

void invoke(Call& call, bool of_module, const Respond& respond,
            const std::function<Response(const Error&)>& refuse) {
  auto invocation = invocation_of(call, of_module);
  if (!invocation) return respond(refuse(invocation.error()));
  // A name that does not exist is told from a device that is away.
  if (!call.services.queue.store().index().contains(invocation->identity))
    return respond(refuse(of_module ? store::kModuleNotFound : store::kDeviceNotFound));
  call.services.invoke_method(*std::move(invocation), [respond, refuse](Result<MethodReply> reply) {
    if (!reply) return respond(refuse(reply.error()));
    boost::system::error_code ec;
    json::value payload = json::parse(reply->payload_json, ec);
    if (ec) return respond(refuse(Error(kBadMethodAnswer)));
    respond({.headers = {},
             .body = json::serialize(
                 json::object{{"status", reply->status}, {"payload", std::move(payload)}})});
  });
}

}  // namespace

void invoke_device_method(Call& call, const Respond& respond,
                          const std::function<Response(const Error&)>& refuse) {
  invoke(call, false, respond, refuse);
}
void invoke_module_method(Call& call, const Respond& respond,
                          const std::function<Response(const Error&)>& refuse) {
  invoke(call, true, respond, refuse);
}

}  // namespace pavise::hub::rest
