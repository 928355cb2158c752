#include "protocol/iothub/hub_error.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "protocol/iothub/errors.h"

namespace pavise::iothub {
namespace {

// Conditions where the documentation names none follow the class of the error; a connection that a
// newer one replaced is detach-forced, which the clients may retry.
constexpr auto kErrors = std::to_array<HubErrorInfo>({
    {HubErrorCode::generic_bad_request, "GenericBadRequest", "com.microsoft:argument-error"},
    {HubErrorCode::invalid_protocol_version, "InvalidProtocolVersion",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_operation, "InvalidOperation", "amqp:not-allowed"},
    {HubErrorCode::argument_invalid, "ArgumentInvalid", "com.microsoft:argument-error"},
    {HubErrorCode::argument_null, "ArgumentNull", "com.microsoft:argument-error"},
    {HubErrorCode::iot_hub_format_error, "IotHubFormatError", "com.microsoft:argument-error"},
    {HubErrorCode::blob_container_validation_error, "BlobContainerValidationError",
     "com.microsoft:argument-error"},
    {HubErrorCode::device_defined_multiple_times, "DeviceDefinedMultipleTimes",
     "com.microsoft:argument-error"},
    {HubErrorCode::deserialization_error, "DeserializationError", "com.microsoft:argument-error"},
    {HubErrorCode::bulk_registry_operation_failure, "BulkRegistryOperationFailure",
     "com.microsoft:argument-error"},
    {HubErrorCode::default_storage_endpoint_not_configured, "DefaultStorageEndpointNotConfigured",
     "amqp:not-allowed"},
    {HubErrorCode::invalid_file_upload_correlation_id, "InvalidFileUploadCorrelationId",
     "com.microsoft:argument-error"},
    {HubErrorCode::expired_file_upload_correlation_id, "ExpiredFileUploadCorrelationId",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_storage_endpoint, "InvalidStorageEndpoint",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_messaging_endpoint, "InvalidMessagingEndpoint",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_file_upload_completion_status, "InvalidFileUploadCompletionStatus",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_storage_endpoint_or_blob, "InvalidStorageEndpointOrBlob",
     "com.microsoft:argument-error"},
    {HubErrorCode::request_canceled, "RequestCanceled", "amqp:not-allowed"},
    {HubErrorCode::etag_does_not_match, "EtagDoesNotMatch", "com.microsoft:precondition-failed"},
    {HubErrorCode::request_timed_out, "RequestTimedOut", "com.microsoft:timeout"},
    {HubErrorCode::null_message, "NullMessage", "com.microsoft:argument-error"},
    {HubErrorCode::connection_forcefully_closed_on_new_connection,
     "ConnectionForcefullyClosedOnNewConnection", "amqp:link:detach-forced"},
    {HubErrorCode::invalid_device_scope, "InvalidDeviceScope", "com.microsoft:argument-error"},
    {HubErrorCode::connection_forcefully_closed_on_fault_injection,
     "ConnectionForcefullyClosedOnFaultInjection", "amqp:link:detach-forced"},
    {HubErrorCode::connection_rejected_on_fault_injection, "ConnectionRejectedOnFaultInjection",
     "amqp:link:detach-forced"},
    {HubErrorCode::invalid_policy_key, "InvalidPolicyKey", "com.microsoft:argument-error"},
    {HubErrorCode::invalid_route_test_input, "InvalidRouteTestInput",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_source_on_route, "InvalidSourceOnRoute", "com.microsoft:argument-error"},
    {HubErrorCode::routing_not_enabled, "RoutingNotEnabled", "amqp:not-allowed"},
    {HubErrorCode::invalid_content_encoding_or_type, "InvalidContentEncodingOrType",
     "com.microsoft:argument-error"},
    {HubErrorCode::cannot_register_module_to_module, "CannotRegisterModuleToModule",
     "amqp:not-allowed"},
    {HubErrorCode::invalid_configuration_target_condition, "InvalidConfigurationTargetCondition",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_configuration_content, "InvalidConfigurationContent",
     "com.microsoft:argument-error"},
    {HubErrorCode::cannot_modify_immutable_configuration_content,
     "CannotModifyImmutableConfigurationContent", "amqp:not-allowed"},
    {HubErrorCode::invalid_configuration_custom_metrics_query,
     "InvalidConfigurationCustomMetricsQuery", "com.microsoft:argument-error"},
    {HubErrorCode::invalid_pnp_interface_definition, "InvalidPnPInterfaceDefinition",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_pnp_desired_properties, "InvalidPnPDesiredProperties",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_pnp_reported_properties, "InvalidPnPReportedProperties",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_pnp_writable_reported_properties, "InvalidPnPWritableReportedProperties",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_digital_twin_json_patch, "InvalidDigitalTwinJsonPatch",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_digital_twin_payload, "InvalidDigitalTwinPayload",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_digital_twin_patch, "InvalidDigitalTwinPatch",
     "com.microsoft:argument-error"},
    {HubErrorCode::invalid_digital_twin_patch_path, "InvalidDigitalTwinPatchPath",
     "com.microsoft:argument-error"},
    {HubErrorCode::generic_unauthorized, "GenericUnauthorized", "amqp:unauthorized-access"},
    {HubErrorCode::iot_hub_not_found, "IotHubNotFound", "com.microsoft:iot-hub-not-found-error"},
    {HubErrorCode::iot_hub_unauthorized_access, "IotHubUnauthorizedAccess",
     "amqp:unauthorized-access"},
    {HubErrorCode::iot_hub_unauthorized, "IotHubUnauthorized", "amqp:unauthorized-access"},
    {HubErrorCode::system_module_modify_unauthorized_access, "SystemModuleModifyUnauthorizedAccess",
     "amqp:unauthorized-access"},
    {HubErrorCode::generic_forbidden, "GenericForbidden", "amqp:not-allowed"},
    {HubErrorCode::iot_hub_suspended, "IotHubSuspended", "com.microsoft:iot-hub-suspended"},
    {HubErrorCode::iot_hub_quota_exceeded, "IotHubQuotaExceeded", "com.microsoft:quota-exceeded"},
    {HubErrorCode::job_quota_exceeded, "JobQuotaExceeded", "com.microsoft:quota-exceeded"},
    {HubErrorCode::device_maximum_queue_depth_exceeded, "DeviceMaximumQueueDepthExceeded",
     "amqp:resource-limit-exceeded"},
    {HubErrorCode::iot_hub_max_cbs_token_exceeded, "IotHubMaxCbsTokenExceeded",
     "com.microsoft:quota-exceeded"},
    {HubErrorCode::device_maximum_active_file_upload_limit_exceeded,
     "DeviceMaximumActiveFileUploadLimitExceeded", "com.microsoft:quota-exceeded"},
    {HubErrorCode::device_maximum_queue_size_exceeded, "DeviceMaximumQueueSizeExceeded",
     "amqp:resource-limit-exceeded"},
    {HubErrorCode::invalid_message_expiry_time, "InvalidMessageExpiryTime",
     "com.microsoft:argument-out-of-range"},
    {HubErrorCode::operation_not_available_in_current_tier, "OperationNotAvailableInCurrentTier",
     "amqp:not-allowed"},
    {HubErrorCode::device_disabled, "DeviceDisabled", "amqp:not-allowed"},
    {HubErrorCode::device_maximum_inflight_method_exceeded, "DeviceMaximumInflightMethodExceeded",
     "com.microsoft:quota-exceeded"},
    {HubErrorCode::generic_not_found, "GenericNotFound", "amqp:not-found"},
    {HubErrorCode::device_not_found, "DeviceNotFound", "amqp:not-found"},
    {HubErrorCode::job_not_found, "JobNotFound", "amqp:not-found"},
    {HubErrorCode::amqp_address_not_found, "AmqpAddressNotFound", "amqp:not-found"},
    {HubErrorCode::certificate_not_found, "CertificateNotFound", "amqp:not-found"},
    {HubErrorCode::module_not_found, "ModuleNotFound", "amqp:not-found"},
    {HubErrorCode::feature_not_supported, "FeatureNotSupported", "amqp:not-implemented"},
    {HubErrorCode::device_not_online, "DeviceNotOnline", "amqp:not-found"},
    {HubErrorCode::device_connection_closed_remotely, "DeviceConnectionClosedRemotely",
     "amqp:link:detach-forced"},
    {HubErrorCode::configuration_not_found, "ConfigurationNotFound", "amqp:not-found"},
    {HubErrorCode::group_not_found, "GroupNotFound", "amqp:not-found"},
    {HubErrorCode::generic_method_not_allowed, "GenericMethodNotAllowed", "amqp:not-allowed"},
    {HubErrorCode::operation_not_allowed_in_current_state, "OperationNotAllowedInCurrentState",
     "amqp:not-allowed"},
    {HubErrorCode::import_devices_not_supported, "ImportDevicesNotSupported", "amqp:not-allowed"},
    {HubErrorCode::generic_conflict, "GenericConflict", "amqp:not-allowed"},
    {HubErrorCode::device_already_exists, "DeviceAlreadyExists",
     "com.microsoft:device-already-exists"},
    {HubErrorCode::link_creation_conflict, "LinkCreationConflict", "amqp:link:detach-forced"},
    {HubErrorCode::job_already_exists, "JobAlreadyExists", "amqp:not-allowed"},
    {HubErrorCode::module_already_exists_on_device, "ModuleAlreadyExistsOnDevice",
     "com.microsoft:device-already-exists"},
    {HubErrorCode::configuration_already_exists, "ConfigurationAlreadyExists", "amqp:not-allowed"},
    {HubErrorCode::apply_configuration_already_in_progress_on_device,
     "ApplyConfigurationAlreadyInProgressOnDevice", "amqp:not-allowed"},
    {HubErrorCode::generic_precondition_failed, "GenericPreconditionFailed",
     "com.microsoft:precondition-failed"},
    {HubErrorCode::precondition_failed, "PreconditionFailed", "com.microsoft:precondition-failed"},
    {HubErrorCode::device_message_lock_lost, "DeviceMessageLockLost",
     "com.microsoft:message-lock-lost"},
    {HubErrorCode::job_run_precondition_failed, "JobRunPreconditionFailed",
     "com.microsoft:precondition-failed"},
    {HubErrorCode::generic_request_entity_too_large, "GenericRequestEntityTooLarge",
     "amqp:link:message-size-exceeded"},
    {HubErrorCode::message_too_large, "MessageTooLarge", "amqp:link:message-size-exceeded"},
    {HubErrorCode::too_many_devices, "TooManyDevices", "com.microsoft:quota-exceeded"},
    {HubErrorCode::too_many_modules_on_device, "TooManyModulesOnDevice",
     "com.microsoft:quota-exceeded"},
    {HubErrorCode::configuration_count_limit_exceeded, "ConfigurationCountLimitExceeded",
     "com.microsoft:quota-exceeded"},
    {HubErrorCode::generic_unsupported_media_type, "GenericUnsupportedMediaType",
     "com.microsoft:argument-error"},
    {HubErrorCode::incompatible_data_type, "IncompatibleDataType", "com.microsoft:argument-error"},
    {HubErrorCode::generic_too_many_requests, "GenericTooManyRequests",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::throttling_exception, "ThrottlingException",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::throttle_backlog_limit_exceeded, "ThrottleBacklogLimitExceeded",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::throttling_backlog_timeout, "ThrottlingBacklogTimeout",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::throttling_max_active_job_count_exceeded, "ThrottlingMaxActiveJobCountExceeded",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::device_throttling_limit_exceeded, "DeviceThrottlingLimitExceeded",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::client_closed_request, "ClientClosedRequest", "amqp:not-allowed"},
    {HubErrorCode::server_error, "ServerError", "amqp:internal-error"},
    {HubErrorCode::generic_timeout, "GenericTimeout", "com.microsoft:timeout"},
    {HubErrorCode::generic_bad_gateway, "GenericBadGateway", "amqp:internal-error"},
    {HubErrorCode::generic_service_unavailable, "GenericServiceUnavailable",
     "com.microsoft:timeout"},
    {HubErrorCode::service_unavailable, "ServiceUnavailable", "com.microsoft:timeout"},
    {HubErrorCode::partition_not_found, "PartitionNotFound", "amqp:not-found"},
    {HubErrorCode::server_busy, "ServerBusy", "com.microsoft:timeout"},
    {HubErrorCode::receive_link_opens_throttled, "ReceiveLinkOpensThrottled",
     "com.microsoft:device-container-throttled"},
    {HubErrorCode::gateway_timeout, "GatewayTimeout", "com.microsoft:timeout"},
});
static_assert(std::ranges::is_sorted(kErrors, {}, &HubErrorInfo::code));

constexpr std::array kOwnRows = {
    HubErrorRow{&kBadUsername, HubErrorCode::iot_hub_unauthorized},
    HubErrorRow{&kNoApiVersion, HubErrorCode::invalid_protocol_version},
    HubErrorRow{&kBadEscape, HubErrorCode::argument_invalid},
    HubErrorRow{&kTooManyProperties, HubErrorCode::message_too_large},
    HubErrorRow{&kPropertiesTooLarge, HubErrorCode::message_too_large},
    HubErrorRow{&kBadPropertyKey, HubErrorCode::argument_invalid},
    HubErrorRow{&kUnknownTopic, HubErrorCode::invalid_operation},
    HubErrorRow{&kBadRequestId, HubErrorCode::argument_invalid},
    HubErrorRow{&kBadVersion, HubErrorCode::argument_invalid},
};

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7f) {
      out.append("\\u00");
      out.push_back(kHex[byte >> 4U]);
      out.push_back(kHex[byte & 15U]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

struct CalendarTime {
  int year;
  unsigned month, day;
  int hour, minute, second, millisecond;
};

CalendarTime calendar(UnixMillis time_ms) {
  constexpr UnixMillis kLast = 253'402'300'799'999;  // end of the year 9999
  const std::chrono::milliseconds since(std::clamp<UnixMillis>(time_ms, 0, kLast));
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const std::chrono::hh_mm_ss time(since - days);
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<int>(time.hours().count()),
          static_cast<int>(time.minutes().count()),
          static_cast<int>(time.seconds().count()),
          static_cast<int>(time.subseconds().count())};
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> buffer{};
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
  const int size = std::snprintf(buffer.data(), buffer.size(), format, values...);
#pragma clang diagnostic pop
  PAVISE_CHECK(size > 0 && static_cast<std::size_t>(size) < buffer.size());
  return {buffer.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::span<const HubErrorInfo> hub_errors() {
  return kErrors;
}

std::optional<HubErrorCode> hub_error_from_number(std::int32_t number) {
  const auto found = std::ranges::lower_bound(
      kErrors, number, {}, [](const HubErrorInfo& info) { return number_of(info.code); });
  if (found == kErrors.end() || number_of(found->code) != number) return std::nullopt;
  return found->code;
}

std::optional<HubErrorCode> hub_error_from_name(std::string_view name) {
  const auto found = std::ranges::find(kErrors, name, &HubErrorInfo::name);
  if (found == kErrors.end()) return std::nullopt;
  return found->code;
}

const HubErrorInfo& hub_error(HubErrorCode code) {
  const auto found = std::ranges::lower_bound(kErrors, code, {}, &HubErrorInfo::code);
  PAVISE_CHECK(found != kErrors.end() && found->code == code);
  return *found;
}

HubErrorCode to_hub_error(const ErrorInfo& error, std::span<const HubErrorRow> rows) {
  for (const std::span<const HubErrorRow> table : {rows, std::span<const HubErrorRow>(kOwnRows)})
    for (const HubErrorRow& row : table)
      if (*row.error == error) return row.code;
  return error.retry == Retry::later ? HubErrorCode::service_unavailable
                                     : HubErrorCode::server_error;
}

std::string to_iso8601(UnixMillis time_ms) {
  const CalendarTime at = calendar(time_ms);
  return formatted("%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", at.year, at.month, at.day, at.hour,
                   at.minute, at.second, at.millisecond);
}

HubHttpError http_error(HubErrorCode code, const HubErrorContext& context) {
  const HubErrorInfo& info = hub_error(code);
  std::string message = "ErrorCode:";
  message.append(info.name).append(";");
  for (const char c : context.message) message.push_back(c == ';' ? ',' : c);
  const CalendarTime at = calendar(context.now_ms);
  std::string exception = "Tracking ID:";
  exception.append(context.tracking_id)
      .append("-TimeStamp:")
      .append(formatted("%02u/%02u/%04d %02d:%02d:%02d", at.month, at.day, at.year, at.hour,
                        at.minute, at.second));
  HubHttpError out;
  out.status = http_status(code);
  out.headers = {{"Content-Type", "application/json; charset=utf-8"},
                 {"iothub-errorcode", std::string(info.name)}};
  out.body = "{\"Message\":";
  append_json(out.body, message);
  out.body.append(",\"ExceptionMessage\":");
  append_json(out.body, exception);
  out.body.push_back('}');
  return out;
}

std::string json_error(HubErrorCode code, const HubErrorContext& context) {
  std::string out = "{\"errorCode\":" + std::to_string(number_of(code)) + ",\"trackingId\":";
  append_json(out, context.tracking_id);
  out.append(",\"message\":");
  append_json(out, context.message);
  out.append(",\"timestampUtc\":");
  append_json(out, to_iso8601(context.now_ms));
  out.push_back('}');
  return out;
}

}  // namespace pavise::iothub
