// The registry: devices and modules, one by one and in bulk, and their numbers.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <future>

#include "cloud/hub/rest/bulk_items.h"
#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/session/close_reasons.h"
#include "common/json/exact_json.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::HubTransaction;
using store::IdentityRecord;

namespace {

Response shown(const Call& call, const IdentityRecord& record) {
  return {.headers = {{"etag", "\"" + record.etag + "\""}},
          .body = json::serialize(identity_json(record, call.services.connected(record.id)))};
}

Response no_content() {
  return {.status = 204, .headers = {}, .body = {}};
}

Response shown(const Call& call, const std::vector<IdentityRecord>& records) {
  json::array items;
  for (const IdentityRecord& record : records)
    items.push_back(identity_json(record, call.services.connected(record.id)));
  return {.headers = {}, .body = json::serialize(items)};
}

// Old credentials must not stay connected: whatever was changed, the session begins anew.
void end_sessions(const Call& call, const iothub::Identity& identity) {
  RightsChanged change{
      .device = identity.device(), .hub = identity.hub(), .reason = Error(kDeviceBarred)};
  if (identity.is_module()) change.module_id = identity.module_id();
  call.services.rights_changed(change);
}

struct Written {
  IdentityRecord record;
  bool rights_changed = false;
};

Result<Written> write(HubTransaction& transaction, const iothub::Identity& identity,
                      const store::IdentityFields& fields,
                      const std::optional<store::IfMatch>& if_match) {
  if (!if_match) {
    PAVISE_TRY_ASSIGN(IdentityRecord record, transaction.create_identity(identity, fields));
    return Written{std::move(record), false};
  }
  PAVISE_TRY_ASSIGN(const IdentityRecord before, transaction.identity(identity));
  PAVISE_TRY_ASSIGN(IdentityRecord after, transaction.update_identity(identity, fields, *if_match));
  const bool changed = rights_differ(before.fields, after.fields);
  return Written{std::move(after), changed};
}

Result<Response> read_identity(Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  Response out;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(const IdentityRecord record, reader.identity(identity));
    out = shown(call, record);
    return {};
  }));
  return out;
}

Status same_ids(const json::object& body, const iothub::Identity& identity) {
  PAVISE_TRY_ASSIGN(const std::string device, text_member(body, "deviceId"));
  PAVISE_TRY_ASSIGN(const std::string module_id, text_member(body, "moduleId"));
  if ((!device.empty() && device != identity.device()) ||
      (!module_id.empty() && module_id != identity.module_id()))
    return Error(kBadBody, "the ids in body and path differ");
  return {};
}

Result<Response> write_identity(Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  PAVISE_TRY(same_ids(body, identity));
  PAVISE_TRY_ASSIGN(const auto fields, identity_fields(body));
  std::optional<store::IfMatch> if_match;
  if (call.request.has_header("if-match")) {
    PAVISE_TRY_ASSIGN(if_match, call.if_match());
  }
  PAVISE_TRY_ASSIGN(
      const Written written,
      call.services.queue.call<Written>([&](HubTransaction& transaction) -> Result<Written> {
        PAVISE_TRY_ASSIGN(Written done, write(transaction, identity, fields, if_match));
        PAVISE_TRY(note_act(transaction, call, if_match ? "update" : "create", identity,
                            described(done.record.fields)));
        return done;
      }));
  if (written.rights_changed) end_sessions(call, identity);
  return shown(call, written.record);
}

using Removed = std::vector<iothub::Identity>;

Result<Response> remove_identity(Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  store::IfMatch if_match;
  if (call.request.has_header("if-match")) {
    PAVISE_TRY_ASSIGN(if_match, call.if_match());
  }
  PAVISE_TRY_ASSIGN(
      const Removed removed,
      call.services.queue.call<Removed>([&](HubTransaction& transaction) -> Result<Removed> {
        PAVISE_TRY(note_act(transaction, call, "delete", identity));
        return transaction.delete_identity(identity, if_match);
      }));
  for (const iothub::Identity& each : removed) call.services.forget(each);
  end_sessions(call, identity);
  return no_content();
}

// --- Bulk ----------------------------------------------------------------------------------------

// The item must stay until the future is ready.
std::future<Status> submit(Call& call, const BulkItem& item) {
  auto promise = std::make_shared<std::promise<Status>>();
  auto answer = promise->get_future();
  call.services.queue.submit<BulkOutcome>(
      [&](HubTransaction& transaction) -> Result<BulkOutcome> {
        PAVISE_TRY_ASSIGN(BulkOutcome done, apply_bulk_item(transaction, item));
        if (!done.verb.empty())
          PAVISE_TRY(note_act(transaction, call, done.verb, item.identity, done.now));
        return done;
      },
      // On the queue's thread, so that notifications leave in the order of their versions.
      [&services = call.services, identity = item.identity, promise](Result<BulkOutcome> done) {
        if (!done) return promise->set_value(done.error());
        if (done->twin && !done->twin->desired_notification.empty())
          services.desired_changed(identity, done->twin->desired_version,
                                   std::move(done->twin->desired_notification));
        for (const iothub::Identity& each : done->removed) services.forget(each);
        promise->set_value({});
      });
  return answer;
}

json::object bulk_error(const BulkItem& item, const Error& error) {
  const iothub::HubErrorCode code = iothub::to_hub_error(error.info(), error_rows());
  return {{"deviceId", item.identity.device()},
          {"moduleId", item.identity.module_id()},
          {"operation", item.mode},
          {"errorCode", iothub::number_of(code)},
          {"errorStatus", iothub::hub_error(code).name}};
}

}  // namespace

Result<Response> list_devices(Call& call) {
  store::Page page{.limit = kTopMax};
  if (const auto top = call.query.find("top"); top != call.query.end()) {
    const std::string& text = top->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), page.limit);
    if (error == std::errc::invalid_argument || end != text.data() + text.size())
      return Error(kBadArgument, "top is a number from 1 to 1000");
    // Documented: what is outside counts as 1000.
    if (error != std::errc{} || page.limit == 0 || page.limit > kTopMax) page.limit = kTopMax;
  }
  std::vector<IdentityRecord> records;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(records, reader.devices(call.hub(), page));
    return {};
  }));
  return shown(call, records);
}

Result<Response> get_device(Call& call) {
  return read_identity(call, false);
}
Result<Response> put_device(Call& call) {
  return write_identity(call, false);
}
Result<Response> delete_device(Call& call) {
  return remove_identity(call, false);
}
Result<Response> get_module(Call& call) {
  return read_identity(call, true);
}
Result<Response> put_module(Call& call) {
  return write_identity(call, true);
}
Result<Response> delete_module(Call& call) {
  return remove_identity(call, true);
}

Result<Response> list_modules(Call& call) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(false));
  std::vector<IdentityRecord> records;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(records, reader.modules(identity));
    return {};
  }));
  return shown(call, records);
}

// Each entry is one operation of its own; the answer names those that failed. All are submitted
// before the first is waited for, so that they share commits.
Result<Response> bulk_devices(Call& call) {
  boost::system::error_code ec;
  const json::value body = parse_exactly(call.request.body, ec);
  if (ec || !body.is_array()) return Error(kBadBody, "not a JSON array");
  if (body.get_array().size() > kBulkMax) return Error(kBadBody, "more than 100 entries");
  std::vector<BulkItem> items;
  for (const json::value& value : body.get_array()) {
    PAVISE_TRY_ASSIGN(BulkItem item, bulk_item(call.hub(), value));
    items.push_back(std::move(item));
  }
  std::vector<std::future<Status>> answers;
  answers.reserve(items.size());
  for (const BulkItem& item : items) answers.push_back(submit(call, item));
  json::array errors;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const BulkItem& item = items[i];
    const Status done = answers[i].get();
    if (!done) {
      errors.push_back(bulk_error(item, done.error()));
    } else if (!item.mode.starts_with("updatetwin")) {
      end_sessions(call, item.identity);
    }
  }
  const bool good = errors.empty();
  return Response{
      .status = good ? 200 : 400,
      .headers = {},
      .body = json::serialize(json::object{
          {"isSuccessful", good}, {"errors", std::move(errors)}, {"warnings", json::array{}}})};
}

Result<Response> device_statistics(Call& call) {
  store::IdentityCounts counts;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(counts, reader.count_identities(call.hub()));
    return {};
  }));
  return Response{.headers = {},
                  .body = json::serialize(json::object{{"totalDeviceCount", counts.devices},
                                                       {"enabledDeviceCount", counts.enabled},
                                                       {"disabledDeviceCount", counts.disabled}})};
}

Result<Response> service_statistics(Call& call) {
  return Response{.headers = {},
                  .body = json::serialize(json::object{
                      {"connectedDeviceCount", call.services.connected_count(call.hub())}})};
}

}  // namespace pavise::hub::rest
