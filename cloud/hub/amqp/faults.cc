// Faults that devices ask for, to test themselves (protocol/iothub/fault.h).
#include "cloud/hub/amqp/session.h"
#include "protocol/iothub/property_bag.h"

namespace pavise::hub {

using iothub::FaultKind;

Result<std::optional<iothub::Fault>> AmqpSession::take_fault(const Device& device,
                                                             std::string_view property_bag) const {
  if (device.fault)
    if (const ErrorInfo* refused = device.fault->refuses(now_.steady_ms)) return Error(*refused);
  PAVISE_TRY_ASSIGN(const auto properties, iothub::PropertyBag::parse(property_bag));
  PAVISE_TRY_ASSIGN(auto fault, iothub::parse_fault(properties));
  if (fault && fault->kind == FaultKind::shut_down_mqtt) return iothub::kFaultOfOtherProtocol;
  return fault;
}

void AmqpSession::strike_faults() {
  if (!had_faults_) return;
  std::vector<std::string> struck;
  for (auto& [id, device] : devices_)
    if (device.fault && device.fault->strikes(now_.steady_ms)) struck.push_back(id);
  for (const std::string& id : struck) {
    const auto device = devices_.find(id);  // another one's fault may have taken it along
    if (!closed_ && device != devices_.end()) strike(device->second);
  }
}

void AmqpSession::strike(Device& device) {
  const std::unique_ptr<ActiveFault> fault = std::move(device.fault);
  const FaultKind kind = fault->fault().kind;
  if (kind == FaultKind::kill_tcp) return end({iothub::kFaultCutsTcp, fault->detail()}, false);
  if (kind == FaultKind::kill_amqp_connection || kind == FaultKind::shut_down_amqp) {
    const Error why(iothub::kFaultEndsConnection, fault->detail());
    // With amqp:connection:forced node's client would give up what it is sending.
    engine_.close(kind == FaultKind::shut_down_amqp ? std::nullopt : std::optional(condition(why)));
    return end(why, false);
  }
  const Error why(iothub::kFaultEndsLink, fault->detail());
  if (kind == FaultKind::kill_amqp_session) {
    if (device.links[kTelemetry] != 0)
      engine_.end_session(device.links[kTelemetry],
                          condition(why, device.principal.identity->client_id()));
    return;
  }
  // The last link takes the device with it.
  for (const amqp::LinkId id : links_struck(device, kind)) close_link(id, why);
}

std::vector<amqp::LinkId> AmqpSession::links_struck(const Device& device, FaultKind kind) const {
  const auto slot = [&](Slot which) {
    return device.links[which] == 0 ? std::vector<amqp::LinkId>()
                                    : std::vector<amqp::LinkId>{device.links[which]};
  };
  switch (kind) {
    case FaultKind::kill_telemetry:
      return slot(kTelemetry);
    case FaultKind::kill_messages:
      return slot(kMessages);
    case FaultKind::kill_twin_requests:
      return slot(kTwinRequests);
    case FaultKind::kill_twin_answers:
      return slot(kTwinAnswers);
    case FaultKind::kill_method_requests:
      return slot(kCalls);
    case FaultKind::kill_method_answers:
      return slot(kCallAnswers);
    default:
      break;
  }
  std::vector<amqp::LinkId> out;
  for (const auto& [id, link] : links_)
    if (link.address.kind == Address::Kind::cbs &&
        link.client_sends == (kind == FaultKind::kill_cbs_requests))
      out.push_back(id);
  return out;
}

}  // namespace pavise::hub
