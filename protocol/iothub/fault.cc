#include "protocol/iothub/fault.h"

#include <algorithm>
#include <charconv>

namespace pavise::iothub {
namespace {

constexpr std::string_view kPrefix = "AzIoTHub_FaultOperation";

constexpr std::pair<std::string_view, FaultKind> kKinds[] = {
    {"KillTcp", FaultKind::kill_tcp},
    {"ShutDownMqtt", FaultKind::shut_down_mqtt},
    {"ShutDownAmqp", FaultKind::shut_down_amqp},
    {"KillAmqpConnection", FaultKind::kill_amqp_connection},
    {"KillAmqpSession", FaultKind::kill_amqp_session},
    {"KillAmqpCBSLinkReq", FaultKind::kill_cbs_requests},
    {"KillAmqpCBSLinkResp", FaultKind::kill_cbs_answers},
    {"KillAmqpD2CLink", FaultKind::kill_telemetry},
    {"KillAmqpC2DLink", FaultKind::kill_messages},
    {"KillAmqpTwinLinkReq", FaultKind::kill_twin_requests},
    {"KillAmqpTwinLinkResp", FaultKind::kill_twin_answers},
    {"KillAmqpMethodReqLink", FaultKind::kill_method_requests},
    {"KillAmqpMethodRespLink", FaultKind::kill_method_answers},
    {"InvokeThrottling", FaultKind::throttle},
    {"InvokeMaxMessageQuota", FaultKind::exceed_quota},
    {"InvokeAuthError", FaultKind::refuse_rights},
};

bool same_text(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

const std::string* find(const PropertyBag& properties, std::string_view rest) {
  for (const Property& each : properties.all())
    if (each.name.size() == kPrefix.size() + rest.size() &&
        same_text(std::string_view(each.name).substr(0, kPrefix.size()), kPrefix) &&
        same_text(std::string_view(each.name).substr(kPrefix.size()), rest))
      return &each.value;
  return nullptr;
}

Result<std::int64_t> milliseconds(const std::string* text, std::int64_t seconds_max) {
  // Azure's own suite for Node names a time that it leaves undefined.
  if (text == nullptr || text->empty()) return std::int64_t{0};
  std::int64_t seconds = -1;
  const char* const end = text->data() + text->size();
  const auto [at, failed] = std::from_chars(text->data(), end, seconds);
  if (failed != std::errc() || at != end || seconds < 0 || seconds > seconds_max)
    return kBadFaultTime;
  return seconds * 1000;
}

}  // namespace

Result<std::optional<Fault>> parse_fault(const PropertyBag& properties) {
  const std::string* const type = find(properties, "Type");
  if (type == nullptr) return std::optional<Fault>();
  const auto known =
      std::ranges::find_if(kKinds, [&](const auto& kind) { return same_text(kind.first, *type); });
  if (known == std::end(kKinds)) return kUnknownFault;
  Fault out{.kind = known->second, .reason = {}};
  if (const std::string* const reason = find(properties, "CloseReason"))
    out.reason = reason->substr(0, kFaultReasonSizeMax);
  PAVISE_TRY_ASSIGN(out.delay_ms, milliseconds(find(properties, "DelayInSecs"), kFaultDelaySMax));
  PAVISE_TRY_ASSIGN(out.duration_ms,
                    milliseconds(find(properties, "DurationInSecs"), kFaultDurationSMax));
  return std::optional(std::move(out));
}

const ErrorInfo* refusal_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::throttle:
      return &kFaultThrottles;
    case FaultKind::exceed_quota:
      return &kFaultExceedsQuota;
    case FaultKind::refuse_rights:
      return &kFaultRefusesRights;
    default:
      return nullptr;
  }
}

}  // namespace pavise::iothub
