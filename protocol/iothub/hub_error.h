// The errors of IoT Hub as its clients know them (reference: iothub-dps-wire B, F3, F4): number,
// name, HTTP status, AMQP condition, and the bodies that carry them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace pavise::iothub {

// The documented number. Its first three digits are the HTTP status.
enum class HubErrorCode : std::int32_t {
  generic_bad_request = 400000,
  invalid_protocol_version = 400001,
  invalid_operation = 400003,
  argument_invalid = 400004,
  argument_null = 400005,
  iot_hub_format_error = 400006,
  blob_container_validation_error = 400008,
  device_defined_multiple_times = 400011,
  deserialization_error = 400012,
  bulk_registry_operation_failure = 400013,
  default_storage_endpoint_not_configured = 400014,
  invalid_file_upload_correlation_id = 400015,
  expired_file_upload_correlation_id = 400016,
  invalid_storage_endpoint = 400017,
  invalid_messaging_endpoint = 400018,
  invalid_file_upload_completion_status = 400019,
  invalid_storage_endpoint_or_blob = 400020,
  request_canceled = 400021,
  etag_does_not_match = 400023,
  request_timed_out = 400024,
  null_message = 400026,
  connection_forcefully_closed_on_new_connection = 400027,
  invalid_device_scope = 400028,
  connection_forcefully_closed_on_fault_injection = 400029,
  connection_rejected_on_fault_injection = 400030,
  invalid_policy_key = 400035,
  invalid_route_test_input = 400100,
  invalid_source_on_route = 400101,
  routing_not_enabled = 400102,
  invalid_content_encoding_or_type = 400103,
  cannot_register_module_to_module = 400301,
  invalid_configuration_target_condition = 400401,
  invalid_configuration_content = 400402,
  cannot_modify_immutable_configuration_content = 400403,
  invalid_configuration_custom_metrics_query = 400404,
  invalid_pnp_interface_definition = 400501,
  invalid_pnp_desired_properties = 400502,
  invalid_pnp_reported_properties = 400503,
  invalid_pnp_writable_reported_properties = 400504,
  invalid_digital_twin_json_patch = 400505,
  invalid_digital_twin_payload = 400506,
  invalid_digital_twin_patch = 400507,
  invalid_digital_twin_patch_path = 400508,
  generic_unauthorized = 401000,
  iot_hub_not_found = 401001,
  iot_hub_unauthorized_access = 401002,
  iot_hub_unauthorized = 401003,
  system_module_modify_unauthorized_access = 401100,
  generic_forbidden = 403000,
  iot_hub_suspended = 403001,
  iot_hub_quota_exceeded = 403002,
  job_quota_exceeded = 403003,
  device_maximum_queue_depth_exceeded = 403004,
  iot_hub_max_cbs_token_exceeded = 403005,
  device_maximum_active_file_upload_limit_exceeded = 403006,
  device_maximum_queue_size_exceeded = 403007,
  invalid_message_expiry_time = 403009,
  operation_not_available_in_current_tier = 403010,
  device_disabled = 403012,
  device_maximum_inflight_method_exceeded = 403800,
  generic_not_found = 404000,
  device_not_found = 404001,
  job_not_found = 404002,
  amqp_address_not_found = 404006,
  certificate_not_found = 404008,
  module_not_found = 404010,
  feature_not_supported = 404013,
  device_not_online = 404103,
  device_connection_closed_remotely = 404104,
  configuration_not_found = 404301,
  group_not_found = 404302,
  generic_method_not_allowed = 405000,
  operation_not_allowed_in_current_state = 405102,
  import_devices_not_supported = 405103,
  generic_conflict = 409000,
  device_already_exists = 409001,
  link_creation_conflict = 409002,
  job_already_exists = 409104,
  module_already_exists_on_device = 409301,
  configuration_already_exists = 409401,
  apply_configuration_already_in_progress_on_device = 409402,
  generic_precondition_failed = 412000,
  precondition_failed = 412001,
  device_message_lock_lost = 412002,
  job_run_precondition_failed = 412003,
  generic_request_entity_too_large = 413000,
  message_too_large = 413001,
  too_many_devices = 413002,
  too_many_modules_on_device = 413003,
  configuration_count_limit_exceeded = 413101,
  generic_unsupported_media_type = 415000,
  incompatible_data_type = 415101,
  generic_too_many_requests = 429000,
  throttling_exception = 429001,
  throttle_backlog_limit_exceeded = 429002,
  throttling_backlog_timeout = 429003,
  throttling_max_active_job_count_exceeded = 429004,
  device_throttling_limit_exceeded = 429005,
  client_closed_request = 499000,
  server_error = 500001,
  generic_timeout = 500008,
  generic_bad_gateway = 502000,
  generic_service_unavailable = 503000,
  service_unavailable = 503001,
  partition_not_found = 503003,
  server_busy = 503005,
  receive_link_opens_throttled = 503008,
  gateway_timeout = 504101,
};

struct HubErrorInfo {
  HubErrorCode code;
  std::string_view name;            // as in the header iothub-errorcode
  std::string_view amqp_condition;  // of a detach or a rejected outcome
};

// Every documented error that this hub can answer with, ascending by number.
std::span<const HubErrorInfo> hub_errors();
const HubErrorInfo& hub_error(HubErrorCode code);
std::optional<HubErrorCode> hub_error_from_number(std::int32_t number);
std::optional<HubErrorCode> hub_error_from_name(std::string_view name);

constexpr std::int32_t number_of(HubErrorCode code) {
  return static_cast<std::int32_t>(code);
}
constexpr int http_status(HubErrorCode code) {
  return number_of(code) / 1000;
}

// How a row of ours looks to a client. A room hands in the rows that it knows; those of
// protocol/iothub are built in; any other is ServiceUnavailable when it may be tried again and
// ServerError when not, so that nothing of our own leaks out by accident.
struct HubErrorRow {
  const ErrorInfo* error;
  HubErrorCode code;
};
HubErrorCode to_hub_error(const ErrorInfo& error, std::span<const HubErrorRow> rows = {});

// What goes with an error besides its code. Texts are borrowed.
struct HubErrorContext {
  std::string_view message;      // words for a person, UTF-8; must not hold a secret
  std::string_view tracking_id;  // connects the answer with the lines of the hub's log
  UnixMillis now_ms = 0;
};

// Names of the AMQP error info map.
inline constexpr std::string_view kAmqpTrackingId = "com.microsoft:tracking-id";
inline constexpr std::string_view kAmqpErrorCode = "com.microsoft:error-code";

struct HubHttpError {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
// {"Message":"ErrorCode:{name};{text}","ExceptionMessage":"Tracking ID:...-TimeStamp:..."} and the
// header iothub-errorcode: the form from which node and cs read the same name. A ';' in the message
// becomes ',' because node cuts there.
HubHttpError http_error(HubErrorCode code, const HubErrorContext& context);

// Body of a twin, method or DPS error: {"errorCode":...,"trackingId":...,"message":...,
// "timestampUtc":...}. Over MQTT node reads only this, not the status in the topic.
std::string json_error(HubErrorCode code, const HubErrorContext& context);

// "2026-11-25T16:00:00.000Z", years 1970 to 9999 (clamped).
std::string to_iso8601(UnixMillis time_ms);

}  // namespace pavise::iothub
