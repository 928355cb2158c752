// Twins as services read and change them.
#include <future>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/routes.h"

namespace pavise::hub::rest {

using store::HubTransaction;
using store::TwinChanged;
using store::TwinRecord;

namespace {

Response shown(const Call& call, const TwinRecord& twin) {
  return {.headers = {{"etag", "\"" + twin.etag + "\""}},
          .body = twin_document(twin, call.services.connected(twin.identity.id))};
}

Result<Response> read(Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  std::optional<TwinRecord> twin;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(twin, reader.twin(identity));
    return {};
  }));
  return shown(call, *twin);
}

Result<Response> change(Call& call, bool of_module, store::TwinChangeKind kind) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  store::IfMatch if_match;
  if (call.request.has_header("if-match")) {
    PAVISE_TRY_ASSIGN(if_match, call.if_match());
  }
  auto promise = std::make_shared<std::promise<Result<TwinRecord>>>();
  auto answer = promise->get_future();
  call.services.queue.submit<TwinChanged>(
      [&](HubTransaction& transaction) {
        return transaction.change_twin(identity, call.request.body, kind, if_match);
      },
      // On the queue's thread, so that notifications leave in the order of their versions.
      [&services = call.services, identity, promise](Result<TwinChanged> changed) {
        if (!changed) return promise->set_value(changed.error());
        if (!changed->desired_notification.empty())
          services.desired_changed(identity, changed->desired_version,
                                   std::move(changed->desired_notification));
        promise->set_value(std::move(changed->twin));
      });
  PAVISE_TRY_ASSIGN(const TwinRecord twin, answer.get());
  return shown(call, twin);
}

}  // namespace

Result<Response> get_twin(Call& call) {
  return read(call, false);
}
Result<Response> patch_twin(Call& call) {
  return change(call, false, store::TwinChangeKind::merge);
}
Result<Response> put_twin(Call& call) {
  return change(call, false, store::TwinChangeKind::replace);
}
Result<Response> get_module_twin(Call& call) {
  return read(call, true);
}
Result<Response> patch_module_twin(Call& call) {
  return change(call, true, store::TwinChangeKind::merge);
}
Result<Response> put_module_twin(Call& call) {
  return change(call, true, store::TwinChangeKind::replace);
}

}  // namespace pavise::hub::rest
