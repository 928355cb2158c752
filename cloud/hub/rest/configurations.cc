// Automatic device management: configurations, and content that is written to one device.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <future>

#include "cloud/hub/configurations/definition.h"
#include "cloud/hub/rest/configuration_json.h"
#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/routes.h"
#include "common/json/exact_json.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using configurations::Definition;
using store::ConfigurationRecord;
using store::HubTransaction;

namespace {

json::object as_json(const Call& call, const ConfigurationRecord& record) {
  const auto& counts = call.services.configuration_counts;
  return configuration_json(record, counts ? counts(call.hub(), record.id) : std::nullopt);
}

Response shown(const Call& call, const ConfigurationRecord& record) {
  return {.headers = {{"etag", "\"" + record.etag + "\""}},
          .body = json::serialize(as_json(call, record))};
}

Response no_content() {
  return {.status = 204, .headers = {}, .body = {}};
}

bool same_json(const std::string& a, const std::string& b) {
  boost::system::error_code failed;
  const json::value left = parse_exactly(a, failed);
  if (failed) return false;
  const json::value right = parse_exactly(b, failed);
  return !failed && left == right;
}

Result<ConfigurationRecord> update(HubTransaction& transaction, const iothub::HubName& hub,
                                   ConfigurationRecord given, const store::IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(const ConfigurationRecord before, transaction.configuration(hub, given.id));
  if (if_match && *if_match != before.etag) return store::kPreconditionFailed;
  if (given.content_json.empty()) given.content_json = before.content_json;
  if (!same_json(given.content_json, before.content_json)) return configurations::kContentIsFixed;
  PAVISE_TRY(Definition::parse(given));
  return transaction.update_configuration(hub, given, if_match);
}

// {"name": "why not"} for those of the queries that cannot be used.
Result<json::object> metric_errors(const json::object& body) {
  json::object out;
  const json::value* const queries = body.if_contains("customMetricQueries");
  if (queries == nullptr || queries->is_null()) return out;
  if (!queries->is_object()) return Error(kBadBody, "customMetricQueries is not an object");
  if (queries->get_object().size() > configurations::kMetricsMax)
    return Error(kBadBody, "more than 5 customMetricQueries");
  for (const auto& member : queries->get_object()) {
    if (!member.value().is_string()) return Error(kBadBody, "a query is not a string");
    const auto query = configurations::parse_metric(member.key(), member.value().get_string());
    if (!query) out[member.key()] = query.error().message();
  }
  return out;
}

// What one device and its modules got, for the notifications.
struct Written {
  iothub::Identity id;
  store::TwinChanged change;
};

std::string twin_body(const configurations::Settings& settings) {
  return json::serialize(
      json::object{{"properties", {{"desired", configurations::patch_of(settings)}}}});
}

// The whole desired properties at once replace what is there; single paths are merged.
store::TwinChangeKind kind_of(const configurations::Settings& settings) {
  return settings.size() == 1 && settings.front().path.empty() ? store::TwinChangeKind::replace
                                                               : store::TwinChangeKind::merge;
}

Result<std::vector<Written>> apply(HubTransaction& transaction, const iothub::Identity& device,
                                   const configurations::DeviceContent& content) {
  std::vector<Written> out;
  PAVISE_TRY_ASSIGN(const store::IdentityRecord record, transaction.identity(device));
  if (!content.modules.empty() && !record.fields.iot_edge) return configurations::kNotEdge;
  if (!content.device.empty()) {
    PAVISE_TRY_ASSIGN(auto change, transaction.change_twin(device, twin_body(content.device),
                                                           store::TwinChangeKind::merge, {}));
    out.push_back({device, std::move(change)});
  }
  for (const configurations::ModuleContent& each : content.modules) {
    const auto id = iothub::Identity::make(device.hub(), device.device(), each.module_id);
    if (!id) return Error(configurations::kBadContent, "id of a module");
    const auto there = transaction.identity(*id);
    if (!there && !there.error().is(store::kModuleNotFound)) return there.error();
    if (!there) PAVISE_TRY(transaction.create_identity(*id, {.managed_by = "iotEdge"}));
    PAVISE_TRY_ASSIGN(auto change, transaction.change_twin(*id, twin_body(each.settings),
                                                           kind_of(each.settings), {}));
    out.push_back({*id, std::move(change)});
  }
  return out;
}

}  // namespace

Result<Response> list_configurations(Call& call) {
  std::size_t top = store::kConfigurationsMax;
  if (const auto given = call.query.find("top"); given != call.query.end()) {
    const std::string& text = given->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), top);
    if (error == std::errc::invalid_argument || end != text.data() + text.size())
      return Error(kBadArgument, "top is a number from 1 to 100");
    // As with devices: what is outside counts as the most there are.
    if (error != std::errc{} || top == 0) top = store::kConfigurationsMax;
  }
  std::vector<ConfigurationRecord> records;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(records, reader.configurations(call.hub()));
    return {};
  }));
  json::array items;
  for (const ConfigurationRecord& record : records)
    if (items.size() < top) items.push_back(as_json(call, record));
  return Response{.headers = {}, .body = json::serialize(items)};
}

Result<Response> get_configuration(Call& call) {
  std::optional<ConfigurationRecord> record;
  PAVISE_TRY(call.services.queue.store().read([&](store::HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(record, reader.configuration(call.hub(), call.names[0]));
    return {};
  }));
  PAVISE_CHECK(record.has_value());
  return shown(call, *record);
}

Result<Response> put_configuration(Call& call) {
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  PAVISE_TRY_ASSIGN(const std::string id, text_member(body, "id"));
  if (!id.empty() && id != call.names[0]) return Error(kBadBody, "the ids in body and path differ");
  PAVISE_TRY_ASSIGN(ConfigurationRecord given, configuration_fields(body));
  given.id = call.names[0];
  const iothub::HubName& hub = call.hub();
  if (!call.request.has_header("if-match")) {
    PAVISE_TRY(Definition::parse(given));
    PAVISE_TRY_ASSIGN(const ConfigurationRecord record,
                      call.services.queue.call<ConfigurationRecord>(
                          [&](HubTransaction& transaction) -> Result<ConfigurationRecord> {
                            PAVISE_TRY(note_act(transaction, call, "configuration.create", given.id,
                                                given.target_condition));
                            return transaction.create_configuration(hub, given);
                          }));
    return shown(call, record);
  }
  PAVISE_TRY_ASSIGN(const store::IfMatch if_match, call.if_match());
  PAVISE_TRY_ASSIGN(const ConfigurationRecord record,
                    call.services.queue.call<ConfigurationRecord>(
                        [&](HubTransaction& transaction) -> Result<ConfigurationRecord> {
                          PAVISE_TRY(note_act(transaction, call, "configuration.update", given.id,
                                              given.target_condition));
                          return update(transaction, hub, given, if_match);
                        }));
  return shown(call, record);
}

Result<Response> delete_configuration(Call& call) {
  store::IfMatch if_match;
  if (call.request.has_header("if-match")) {
    PAVISE_TRY_ASSIGN(if_match, call.if_match());
  }
  PAVISE_TRY(call.services.queue.call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(note_act(transaction, call, "configuration.delete", call.names[0]));
    return transaction.delete_configuration(call.hub(), call.names[0], if_match);
  }));
  return no_content();
}

Result<Response> test_configuration_queries(Call& call) {
  PAVISE_TRY_ASSIGN(const json::object body, object_of(call.request.body));
  PAVISE_TRY_ASSIGN(const std::string condition, text_member(body, "targetCondition"));
  PAVISE_TRY_ASSIGN(json::object errors, metric_errors(body));
  const auto target = configurations::parse_target(condition);
  json::object out;
  if (!target) out["targetConditionError"] = target.error().message();
  if (!errors.empty()) out["customMetricQueryErrors"] = std::move(errors);
  return Response{.headers = {}, .body = json::serialize(out)};
}

// All of it in one operation: a device never has half of a deployment.
Result<Response> apply_configuration_content(Call& call) {
  PAVISE_TRY_ASSIGN(const auto device, call.identity(false));
  PAVISE_TRY_ASSIGN(const auto content, configurations::parse_device_content(call.request.body));
  auto promise = std::make_shared<std::promise<Status>>();
  auto answer = promise->get_future();
  call.services.queue.submit<std::vector<Written>>(
      [&](HubTransaction& transaction) -> Result<std::vector<Written>> {
        PAVISE_TRY(note_act(transaction, call, "configuration.apply", device.client_id()));
        return apply(transaction, device, content);
      },
      // On the queue's thread, so that notifications leave in the order of their versions.
      [&services = call.services, promise](Result<std::vector<Written>> all) {
        if (!all) return promise->set_value(all.error());
        for (Written& each : *all)
          if (!each.change.desired_notification.empty())
            services.desired_changed(each.id, each.change.desired_version,
                                     std::move(each.change.desired_notification));
        promise->set_value({});
      });
  PAVISE_TRY(answer.get());
  return no_content();
}

}  // namespace pavise::hub::rest
