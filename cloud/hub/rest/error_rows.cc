#include "cloud/hub/rest/error_rows.h"

#include "cloud/hub/configurations/errors.h"
#include "cloud/hub/files/errors.h"
#include "cloud/hub/rest/rest_api.h"
#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/store/errors.h"
#include "protocol/iothub/fault.h"
#include "protocol/twin/twin.h"

namespace pavise::hub::rest {

std::span<const iothub::HubErrorRow> error_rows() {
  using enum iothub::HubErrorCode;
  static const iothub::HubErrorRow rows[] = {
      {&kNoSuchRoute, generic_not_found},
      {&kNotAuthorised, iot_hub_unauthorized_access},
      {&kRightMissing, iot_hub_unauthorized_access},
      {&kBadBody, iot_hub_format_error},
      {&kBadArgument, argument_invalid},
      {&kIfMatchRequired, argument_invalid},
      {&kMessageBodyTooLarge, message_too_large},
      {&kBadMethodAnswer, generic_bad_gateway},
      {&kBadContinuation, argument_invalid},
      {&kQueryTooLong, request_timed_out},
      {&kTooManyQueries, throttling_exception},
      {&kTooManyJobs, throttling_max_active_job_count_exceeded},
      {&kJobHasEnded, invalid_operation},
      {&kForeignContainer, argument_invalid},
      {&kTransferUnderWay, job_quota_exceeded},
      {&store::kJobNotFound, job_not_found},
      {&store::kJobExists, job_already_exists},
      {&store::kBadJob, argument_invalid},
      {&query::kSyntax, argument_invalid},
      {&query::kTooLong, argument_invalid},
      {&query::kTooComplex, argument_invalid},
      {&query::kNotSupported, argument_invalid},
      {&query::kTooManyGroups, argument_invalid},
      {&query::kBadDocument, server_error},
      {&store::kStoreBusy, server_busy},
      {&store::kStoreFull, service_unavailable},
      {&store::kHubNotFound, iot_hub_not_found},
      {&store::kDeviceNotFound, device_not_found},
      {&store::kModuleNotFound, module_not_found},
      {&store::kDeviceExists, device_already_exists},
      {&store::kModuleExists, module_already_exists_on_device},
      {&store::kPreconditionFailed, precondition_failed},
      {&store::kBadIdentity, argument_invalid},
      {&store::kTooManyIdentities, too_many_devices},
      {&store::kTooManyModules, too_many_modules_on_device},
      {&store::kQueueFull, device_maximum_queue_depth_exceeded},
      {&store::kMessageTooLarge, message_too_large},
      {&store::kBadExpiry, invalid_message_expiry_time},
      {&store::kTooManyEvents, throttling_exception},
      {&store::kLockLost, device_message_lock_lost},
      {&store::kConfigurationNotFound, configuration_not_found},
      {&store::kConfigurationExists, configuration_already_exists},
      {&store::kBadConfiguration, argument_invalid},
      {&store::kTooManyConfigurations, configuration_count_limit_exceeded},
      {&configurations::kBadTargetCondition, invalid_configuration_target_condition},
      {&configurations::kBadContent, invalid_configuration_content},
      {&configurations::kContentIsFixed, cannot_modify_immutable_configuration_content},
      {&configurations::kBadMetric, invalid_configuration_custom_metrics_query},
      {&configurations::kNotEdge, invalid_operation},
      {&twin::kBadJson, iot_hub_format_error},
      {&twin::kNotAnObject, argument_invalid},
      {&twin::kBadKey, argument_invalid},
      {&twin::kStringTooLong, argument_invalid},
      {&twin::kNumberTooLarge, argument_invalid},
      {&twin::kTooDeep, argument_invalid},
      {&twin::kSectionTooLarge, message_too_large},
      {&twin::kTagsTooLarge, message_too_large},
      {&twin::kPatchTooLarge, message_too_large},
      {&twin::kVersionMismatch, precondition_failed},
      {&kDeviceNotListening, device_not_online},
      {&kDeviceWentAway, device_connection_closed_remotely},
      {&kMethodTimedOut, gateway_timeout},
      {&kTooManyMethodCalls, throttling_exception},
      {&kMethodPayloadTooLarge, message_too_large},
      {&files::kUploadsOff, default_storage_endpoint_not_configured},
      {&files::kTooManyUploads, device_maximum_active_file_upload_limit_exceeded},
      {&files::kUploadNotFound, invalid_file_upload_correlation_id},
      {&files::kUploadExpired, expired_file_upload_correlation_id},
      {&files::kNothingUploaded, invalid_file_upload_completion_status},
      {&files::kBadFileName, argument_invalid},
      {&files::kFileNotFound, generic_not_found},
      {&files::kFilesFull, service_unavailable},
      {&files::kTooManyContainers, throttling_max_active_job_count_exceeded},
      {&files::kContainerNotFound, argument_invalid},
      {&files::kBadUploadToken, argument_invalid},
      {&kLogBusy, server_busy},
      {&iothub::kUnknownFault, argument_invalid},
      {&iothub::kBadFaultTime, argument_invalid},
      {&iothub::kFaultOfOtherProtocol, argument_invalid},
      {&iothub::kFaultThrottles, throttling_exception},
      {&iothub::kFaultExceedsQuota, iot_hub_quota_exceeded},
      {&iothub::kFaultRefusesRights, iot_hub_unauthorized},
      {&kNotStored, service_unavailable},
  };
  return rows;
}

}  // namespace pavise::hub::rest
