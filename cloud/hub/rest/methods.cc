// Direct methods, answered when the device has.
#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/method_json.h"
#include "cloud/hub/rest/routes.h"

namespace pavise::hub::rest {

namespace {

Result<MethodInvocation> invocation_of(const Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  PAVISE_TRY_ASSIGN(const auto body, object_of(call.request.body));
  return method_of(body, identity);
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
    const auto shown = method_reply_json(*reply);
    if (!shown) return respond(refuse(shown.error()));
    respond({.headers = {}, .body = boost::json::serialize(*shown)});
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
