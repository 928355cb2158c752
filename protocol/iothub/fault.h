// The test hook of the official clients' suites: a telemetry message that asks the hub for a fault
// (reference I). Whether a hub does as it is asked is the hub's setting.
#pragma once

#include <optional>
#include <string>

#include "protocol/iothub/property_bag.h"

namespace pavise::iothub {

inline constexpr std::int64_t kFaultDelaySMax = 300;
inline constexpr std::int64_t kFaultDurationSMax = 300;
inline constexpr std::size_t kFaultReasonSizeMax = 128;  // the rest is cut off

// Errors: PV-FLT-nnn.
inline constexpr ErrorInfo kUnknownFault{
    "PV-FLT-001", Retry::never, "the fault that a message asks for is not known",
    "Use KillTcp, ShutDownMqtt, ShutDownAmqp, InvokeThrottling, InvokeMaxMessageQuota, "
    "InvokeAuthError, or KillAmqp with Connection, Session, CBSLinkReq, CBSLinkResp, D2CLink, "
    "C2DLink, TwinLinkReq, TwinLinkResp, MethodReqLink or MethodRespLink."};
inline constexpr ErrorInfo kBadFaultTime{
    "PV-FLT-002", Retry::never, "delay or duration of a fault is no number of 0 to 300 seconds",
    "Correct AzIoTHub_FaultOperationDelayInSecs and ...DurationInSecs."};
inline constexpr ErrorInfo kFaultOfOtherProtocol{
    "PV-FLT-003", Retry::never, "the fault that a message asks for is none of its protocol",
    "Ask for it over the protocol that it names."};
inline constexpr ErrorInfo kFaultCutsTcp{
    "PV-FLT-004", Retry::later, "the test hook cut the TCP connection, as its client asked",
    "Connect again."};
inline constexpr ErrorInfo kFaultEndsConnection{
    "PV-FLT-005", Retry::later, "the test hook ended the connection, as its client asked",
    "Connect again."};
inline constexpr ErrorInfo kFaultEndsLink{
    "PV-FLT-006", Retry::later, "the test hook ended a link or session, as its client asked",
    "Attach again."};
inline constexpr ErrorInfo kFaultThrottles{"PV-FLT-007", Retry::later,
                                           "the test hook throttles this client, as it asked",
                                           "Send again when the fault's time is over."};
inline constexpr ErrorInfo kFaultExceedsQuota{
    "PV-FLT-008", Retry::later, "the test hook says the quota is used up, as its client asked",
    "Send again when the fault's time is over."};
inline constexpr ErrorInfo kFaultRefusesRights{
    "PV-FLT-009", Retry::later, "the test hook refuses this client's rights, as it asked",
    "Send again when the fault's time is over."};

enum class FaultKind : std::uint8_t {
  kill_tcp,
  shut_down_mqtt,
  shut_down_amqp,
  kill_amqp_connection,
  kill_amqp_session,
  kill_cbs_requests,
  kill_cbs_answers,
  kill_telemetry,
  kill_messages,
  kill_twin_requests,
  kill_twin_answers,
  kill_method_requests,
  kill_method_answers,
  throttle,
  exceed_quota,
  refuse_rights,
};

struct Fault {
  FaultKind kind = FaultKind::kill_tcp;
  std::string reason;
  std::int64_t delay_ms = 0;
  // Of throttle, exceed_quota and refuse_rights: how long telemetry is refused. What was cut comes
  // back at once: others have no meaning for it.
  std::int64_t duration_ms = 0;
};

// nullopt: the message asks for none. Names are compared without case: HTTP has none.
// kUnknownFault, kBadFaultTime.
Result<std::optional<Fault>> parse_fault(const PropertyBag& properties);

// The error with which telemetry is refused while such a fault lasts; nullptr: it refuses none.
const ErrorInfo* refusal_of(FaultKind kind);

}  // namespace pavise::iothub
