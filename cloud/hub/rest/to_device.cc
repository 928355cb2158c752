// Cloud-to-device messages over HTTP. IoT Hub's own way for services is AMQP; this call is ours, in
// the form in which a device receives such a message over HTTP.
#include <charconv>

#include "cloud/hub/rest/routes.h"
#include "protocol/iothub/hub_error.h"

namespace pavise::hub::rest {

namespace {

constexpr std::string_view kExpiry = "iothub-expiry";

Result<FeedbackWanted> feedback_of(std::string_view text) {
  if (text.empty() || text == "none") return FeedbackWanted::none;
  if (text == "positive") return FeedbackWanted::positive;
  if (text == "negative") return FeedbackWanted::negative;
  if (text == "full") return FeedbackWanted::full;
  return Error(kBadArgument, "iothub-ack is none, positive, negative or full");
}

// Unix milliseconds.
Result<UnixMillis> expiry_of(std::string_view text) {
  UnixMillis out = 0;
  if (text.empty()) return out;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out <= 0)
    return Error(kBadArgument, "iothub-expiry is a time in Unix milliseconds");
  return out;
}

Result<Response> send(Call& call, bool of_module) {
  PAVISE_TRY_ASSIGN(const auto identity, call.identity(of_module));
  MessageToDevice message{.device = identity.device(),
                          .module_id = identity.module_id(),
                          .properties = {},
                          .payload = to_bytes(as_bytes(call.request.body))};
  PAVISE_TRY_ASSIGN(message.feedback, feedback_of(call.request.header(kAckHeader)));
  PAVISE_TRY_ASSIGN(message.expires_ms, expiry_of(call.request.header(kExpiry)));
  iothub::PropertyBag bag;
  bag.add("$.to", "/" + identity.resource_path() + "/messages/devicebound");
  if (message.expires_ms != 0) bag.add("$.exp", iothub::to_iso8601(message.expires_ms));
  for (const auto& [name, value] : call.request.headers)
    if (name != kExpiry) add_property(bag, name, value);
  if (message.feedback != FeedbackWanted::none)
    bag.add(kAckHeader, call.request.header(kAckHeader));
  message.properties = bag.encode();
  PAVISE_TRY(iothub::PropertyBag::parse(message.properties));  // its limits
  PAVISE_TRY(call.services.queue.call([&](store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.enqueue_message(identity.hub(), message));
    return {};
  }));
  call.services.message_waiting(identity);
  return Response{.status = 204, .headers = {}, .body = {}};
}

}  // namespace

Result<Response> send_to_device(Call& call) {
  return send(call, false);
}
Result<Response> send_to_module(Call& call) {
  return send(call, true);
}

}  // namespace pavise::hub::rest
