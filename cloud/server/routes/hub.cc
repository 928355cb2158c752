// Twin and telemetry.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "cloud/security/authority/device_authority.h"
#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/hub_views.h"
#include "cloud/server/routes/views.h"

namespace pavise::server {

namespace json = boost::json;

namespace {

Reply twin_reply(const DeviceId& device, const TwinDocument& twin) {
  return Reply{.body = twin_view(device, twin),
               .headers = {{"etag", '"' + std::to_string(twin.desired_version) + '"'}}};
}

// RFC 9110 section 13.1.1, as far as it applies: one strong entity-tag, or '*'.
Result<std::optional<std::uint64_t>> if_match(const http::Request& request) {
  const std::string_view header = request.header("if-match");
  if (header.empty() || header == "*") return std::optional<std::uint64_t>();
  if (header.size() < 3 || header.front() != '"' || header.back() != '"')
    return Error(kBadValue, "If-Match: one ETag in quotation marks");
  const std::string_view text = header.substr(1, header.size() - 2);
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  // Never given out, so the twin has changed since.
  if (error != std::errc() || end != text.data() + text.size()) return kTwinChanged;
  return std::optional(version);
}

// A long poll goes on where its last look ended.
Result<std::uint64_t> first_offset_wanted(const Call& call) {
  if (call.request.poll_state) return *call.request.poll_state;
  if (call.query.text("from") == "latest") return call.services.telemetry.next_offset();
  return call.query.number("from", 0, INT64_MAX, 0);
}

}  // namespace

Result<Reply> get_twin(Call& call) {
  if (!call.named_device().tenant) return security::kDeviceUnclaimed;
  PAVISE_TRY_ASSIGN(const TwinDocument twin,
                    call.services.twins.read(*call.named_device().tenant, call.named_device().id));
  return twin_reply(call.named_device().id, twin);
}

Result<Reply> patch_twin(Call& call) {
  PAVISE_TRY_ASSIGN(const auto desired, call.body.object("desired"));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const auto version, if_match(call.request));
  if (!call.named_device().tenant) return security::kDeviceUnclaimed;
  // Before the act, as with hubs: the twin is in another database.
  security::AuditRecord entry;
  entry.at = call.services.clock.now_s();
  entry.actor = call.caller.name;
  entry.action = "device.twin";
  entry.subject = call.named_device().id.text();
  PAVISE_TRY(call.services.registry.add_audit(entry));
  PAVISE_TRY_ASSIGN(
      const TwinDocument twin,
      call.services.twins.change_desired(*call.named_device().tenant, call.named_device().id,
                                         json::serialize(desired), version));
  return twin_reply(call.named_device().id, twin);
}

namespace {

Result<Reply> telemetry_page(Call& call, const TelemetryFilter& filter,
                             json::object (*view)(const TelemetryItem&)) {
  Telemetry& telemetry = call.services.telemetry;
  PAVISE_TRY_ASSIGN(const auto limit,
                    call.query.number("limit", 1, security::kPageSizeMax, kPageDefault));
  PAVISE_TRY_ASSIGN(const auto wait_ms, call.query.number("wait_ms", 0, kTelemetryWaitMsMax, 0));
  PAVISE_TRY_ASSIGN(const std::uint64_t from, first_offset_wanted(call));
  PAVISE_TRY_ASSIGN(const TelemetryPage page, telemetry.read(from, limit, filter));
  const auto waited_ms = static_cast<std::uint64_t>(call.request.waited.count());
  if (page.items.empty() && waited_ms < wait_ms)
    return Reply{.ask_again = http::AskAgain{kTelemetryPoll, page.next_offset}};
  json::array items;
  for (const TelemetryItem& item : page.items) items.push_back(view(item));
  return Reply{.body = {{"items", std::move(items)}, {"next_offset", page.next_offset}}};
}

}  // namespace

Result<Reply> read_telemetry(Call& call) {
  // Of a named device only what it sent for its owner of now, whoever asks.
  TelemetryFilter filter{.tenant = call.tenant};
  if (call.device) filter.device = call.named_device().id.text();
  return telemetry_page(call, filter, &telemetry_view);
}

// Records outlive their hub; those of an earlier hub of the same name are not this one's.
Result<Reply> read_hub_telemetry(Call& call) {
  const hub::store::HubRecord& hub = call.named_hub().hub;
  return telemetry_page(call,
                        {.tenant = hub.tenant,
                         .device = call.query.text("device"),
                         .hub = hub.name,
                         .since_ms = hub.created_ms},
                        &hub_telemetry_view);
}

}  // namespace pavise::server
