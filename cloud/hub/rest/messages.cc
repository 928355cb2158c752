// Telemetry and cloud-to-device messages of devices over HTTP, purge and feedback of services
// (reference: iothub-dps-wire C, D1).
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/routes.h"
#include "cloud/hub/session/auth_method.h"
#include "protocol/http1/syntax.h"
#include "protocol/iothub/fault.h"
#include "protocol/iothub/hub_error.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::HubTransaction;

namespace {

constexpr std::size_t kEventSizeMax = 256UL * 1024;
constexpr std::size_t kBatchMax = 500;
constexpr std::string_view kBatchType = "application/vnd.microsoft.iothub.json";
constexpr std::string_view kAppPrefix = "iothub-app-";

// System properties that travel as headers of their own, and their names in a bag.
constexpr std::pair<std::string_view, std::string_view> kSystemHeaders[] = {
    {"iothub-messageid", "$.mid"},
    {"iothub-correlationid", "$.cid"},
    {"iothub-userid", "$.uid"},
    {"iothub-expiry", "$.exp"},
    {"iothub-contenttype", "$.ct"},
    {"iothub-contentencoding", "$.ce"},
    {"iothub-interface-id", "$.ifid"},
    {"dt-subject", "$.sub"},
    {"iothub-creationtimeutc", "$.ctime"},
    {"iothub-to", "$.to"},
};

Status add_event(const Call& call, RecordBatch& batch, const iothub::PropertyBag& bag,
                 ByteView payload) {
  const std::string properties = bag.encode();
  PAVISE_TRY(iothub::PropertyBag::parse(properties));  // its limits
  if (payload.size() + properties.size() > kEventSizeMax) return kMessageBodyTooLarge;
  const Principal& sender = call.principal;
  const std::string origin = RecordOrigin{
      sender.identity->module_id(),
      std::string(to_string(sender.method)),
      sender.generation_id,
      {}}.encode();
  return batch.add({call.services.clock.now_ms(), sender.tenant.text(), sender.identity->device(),
                    properties, payload, sender.hub.text(), origin});
}

// One message of a batch: {"body": base64, "properties": {...}, "base64Encoded": bool}.
Status add_batch_entry(const Call& call, RecordBatch& batch, const json::value& value) {
  if (!value.is_object()) return Error(kBadBody, "an entry is not an object");
  const json::object& entry = value.get_object();
  PAVISE_TRY_ASSIGN(const std::string body, text_member(entry, "body"));
  const json::value* const encoded = entry.if_contains("base64Encoded");
  const bool is_base64 = encoded == nullptr || !encoded->is_bool() || encoded->get_bool();
  Bytes payload = to_bytes(as_bytes(body));
  if (is_base64) {
    auto decoded = from_base64(body);
    if (!decoded) return Error(kBadBody, "body is not base64");
    payload = *std::move(decoded);
  }
  iothub::PropertyBag bag;
  if (const json::value* const given = entry.if_contains("properties"); given != nullptr) {
    if (!given->is_object()) return Error(kBadBody, "properties is not an object");
    for (const auto& [name, member] : given->get_object()) {
      if (!member.is_string()) return Error(kBadBody, "a property is not a string");
      std::string lower(name);
      // Application properties keep the case of their own part.
      const std::size_t fixed = lower.size() > kAppPrefix.size() ? kAppPrefix.size() : lower.size();
      for (std::size_t i = 0; i < fixed; ++i)
        if (lower[i] >= 'A' && lower[i] <= 'Z') lower[i] = static_cast<char>(lower[i] + 32);
      add_property(bag, lower, std::string_view(member.get_string()));
    }
  }
  return add_event(call, batch, bag, payload);
}

// Without a connection of its own a call can only be refused, and only itself.
Status refuse_as_asked(const iothub::PropertyBag& bag) {
  PAVISE_TRY_ASSIGN(const auto fault, iothub::parse_fault(bag));
  if (!fault) return {};
  const ErrorInfo* refused = iothub::refusal_of(fault->kind);
  return refused != nullptr ? Error(*refused) : Error(iothub::kFaultOfOtherProtocol);
}

Status fill(const Call& call, RecordBatch& batch) {
  const Request& request = call.request;
  if (request.body.size() > kEventSizeMax) return kMessageBodyTooLarge;
  if (request.header("content-type").starts_with(kBatchType)) {
    boost::system::error_code ec;
    const json::value body = json::parse(request.body, ec);
    if (ec || !body.is_array()) return Error(kBadBody, "not a JSON array");
    if (body.get_array().empty() || body.get_array().size() > kBatchMax)
      return Error(kBadBody, "a batch has 1 to 500 messages");
    for (const json::value& entry : body.get_array())
      PAVISE_TRY(add_batch_entry(call, batch, entry));
    return {};
  }
  iothub::PropertyBag bag;
  for (const auto& [name, value] : request.headers) add_property(bag, name, value);
  if (call.principal.may_ask_for_faults) PAVISE_TRY(refuse_as_asked(bag));
  return add_event(call, batch, bag, as_bytes(request.body));
}

Response no_content() {
  return {.status = 204, .headers = {}, .body = {}};
}

Response shown(const DeviceMessage& message) {
  Response out{.headers = {{"etag", "\"" + message.lock_token + "\""},
                           {"iothub-sequencenumber", std::to_string(message.sequence_number)},
                           {"iothub-enqueuedtime", iothub::to_iso8601(message.enqueued_ms)},
                           {"iothub-deliverycount", std::to_string(message.delivery_count)}},
               .body = std::string(as_text(message.payload)),
               .content_type = "application/octet-stream"};
  const auto bag = iothub::PropertyBag::parse(message.properties);
  if (!bag) return out;
  for (const iothub::Property& property : bag->all()) {
    std::string name = std::string(kAppPrefix) + property.name;
    for (const auto& [header, system] : kSystemHeaders)
      if (property.name == system) name = header;
    if (property.name == kAckHeader) name = kAckHeader;
    // Over MQTT and AMQP a property may hold what no header can; the message is worth more than it.
    if (http1::is_token(name) && http1::is_field_text(property.value))
      out.headers.emplace_back(std::move(name), property.value);
  }
  return out;
}

Result<Response> settle(Call& call, Settlement settlement) {
  const iothub::Identity identity = *call.principal.identity;
  const std::string lock_token = call.names.back();
  PAVISE_TRY(call.services.queue.call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.settle_message(identity, lock_token, settlement));
    return {};
  }));
  if (settlement == Settlement::abandon) call.services.message_waiting(identity);
  return no_content();
}

}  // namespace

void add_property(iothub::PropertyBag& bag, std::string_view header, std::string_view value) {
  if (header.starts_with(kAppPrefix)) {
    bag.add(header.substr(kAppPrefix.size()), value);
    return;
  }
  // iothub-to only repeats the path.
  for (const auto& [name, system] : kSystemHeaders)
    if (header == name && name != "iothub-to") bag.add(system, value);
}

Result<Response> send_event(Call& call) {
  RecordBatch batch;
  PAVISE_TRY(fill(call, batch));
  const std::uint64_t count = batch.count();
  PAVISE_TRY(call.services.log.append_and_wait(batch));
  if (call.services.stored)
    call.services.stored(call.principal.hub, count, call.request.body.size());
  return no_content();
}

Result<Response> next_message(Call& call) {
  const iothub::Identity identity = *call.principal.identity;
  PAVISE_TRY_ASSIGN(
      const auto offer,
      call.services.queue.call<HubTransaction::Offer>([&](HubTransaction& transaction) {
        return transaction.lock_message(identity, store::kNoOwner);
      }));
  return offer.message ? shown(*offer.message) : no_content();
}

Result<Response> settle_message(Call& call) {
  return settle(call, call.query.contains("reject") ? Settlement::reject : Settlement::complete);
}
Result<Response> abandon_message(Call& call) {
  return settle(call, Settlement::abandon);
}

Result<Response> purge_messages(Call& call) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(false));
  PAVISE_TRY_ASSIGN(const auto purged,
                    call.services.queue.call<store::Purged>([&](HubTransaction& transaction) {
                      return transaction.purge_messages(identity);
                    }));
  return Response{.headers = {},
                  .body = json::serialize(json::object{{"totalMessagesPurged", purged.messages},
                                                       {"deviceId", identity.device()},
                                                       {"moduleId", nullptr}})};
}

namespace {

Result<Response> next_of(Call& call, ServiceQueue queue, std::string_view content_type) {
  PAVISE_TRY_ASSIGN(
      const auto message,
      call.services.queue.call<std::optional<ServiceMessage>>([&](HubTransaction& transaction) {
        return transaction.lock_service_message(call.hub(), queue, store::kNoOwner);
      }));
  if (!message) return no_content();
  return Response{.headers = {{"etag", "\"" + message->lock_token + "\""},
                              {"iothub-enqueuedtime", iothub::to_iso8601(message->enqueued_ms)},
                              {"iothub-userid", call.hub().text()}},
                  .body = message->body_json,
                  .content_type = std::string(content_type)};
}

Result<Response> settle_in(Call& call, ServiceQueue queue, Settlement settlement) {
  PAVISE_TRY(call.services.queue.call([&](HubTransaction& transaction) {
    return transaction.settle_service_message(call.hub(), queue, call.names.back(), settlement);
  }));
  if (settlement == Settlement::abandon) call.services.service_message_waiting(call.hub(), queue);
  return no_content();
}

}  // namespace

Result<Response> next_feedback(Call& call) {
  return next_of(call, ServiceQueue::feedback, "application/vnd.microsoft.iothub.feedback.json");
}
Result<Response> complete_feedback(Call& call) {
  return settle_in(call, ServiceQueue::feedback, Settlement::complete);
}
Result<Response> abandon_feedback(Call& call) {
  return settle_in(call, ServiceQueue::feedback, Settlement::abandon);
}

Result<Response> next_file_notification(Call& call) {
  return next_of(call, ServiceQueue::file_notifications,
                 "application/vnd.microsoft.iothub.filenotification.json");
}
Result<Response> complete_file_notification(Call& call) {
  return settle_in(call, ServiceQueue::file_notifications, Settlement::complete);
}
Result<Response> abandon_file_notification(Call& call) {
  return settle_in(call, ServiceQueue::file_notifications, Settlement::abandon);
}

}  // namespace pavise::hub::rest
