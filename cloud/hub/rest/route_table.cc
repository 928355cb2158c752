#include "cloud/hub/rest/routes.h"

namespace pavise::hub::rest {

std::span<const Route> route_table() {
  using enum Need;
  // clang-format off
  static const Route rows[] = {
      {"GET", "/devices", registry_read, list_devices},
      {"POST", "/devices", registry_write, bulk_devices},
      {"POST", "/devices/query", registry_read, query_devices},
      {"GET", "/devices/{}", registry_read, get_device},
      {"PUT", "/devices/{}", registry_write, put_device},
      {"DELETE", "/devices/{}", registry_write, delete_device},
      {"GET", "/devices/{}/modules", registry_read, list_modules, nullptr, true},
      {"GET", "/devices/{}/modules/{}", registry_read, get_module, nullptr, true},
      {"PUT", "/devices/{}/modules/{}", registry_write, put_module, nullptr, true},
      {"DELETE", "/devices/{}/modules/{}", registry_write, delete_module, nullptr, true},
      {"GET", "/jobs/v2/query", registry_read, query_jobs},
      {"GET", "/jobs/v2/{}", registry_read, get_job},
      {"PUT", "/jobs/v2/{}", registry_write, put_job},
      {"POST", "/jobs/v2/{}/cancel", registry_write, cancel_job},

      {"POST", "/containers", registry_write, make_container},
      {"GET", "/containers/{}", registry_write, get_container},
      {"DELETE", "/containers/{}", registry_write, remove_container},
      {"POST", "/jobs/create", registry_write, create_transfer},
      {"GET", "/jobs", registry_read, list_transfers},
      {"GET", "/jobs/{}", registry_read, get_transfer},
      {"DELETE", "/jobs/{}", registry_write, cancel_transfer},

      {"GET", "/configurations", registry_read, list_configurations},
      {"POST", "/configurations/testQueries", registry_read, test_configuration_queries},
      {"GET", "/configurations/{}", registry_read, get_configuration},
      {"PUT", "/configurations/{}", registry_write, put_configuration},
      {"DELETE", "/configurations/{}", registry_write, delete_configuration},
      {"POST", "/devices/{}/applyConfigurationContent", registry_write, apply_configuration_content},

      {"GET", "/statistics/devices", registry_read, device_statistics},
      {"GET", "/statistics/service", registry_read, service_statistics},

      {"GET", "/twins/{}", service_connect, get_twin},
      {"PATCH", "/twins/{}", service_connect, patch_twin},
      {"PUT", "/twins/{}", service_connect, put_twin},
      {"GET", "/twins/{}/modules/{}", service_connect, get_module_twin},
      {"PATCH", "/twins/{}/modules/{}", service_connect, patch_module_twin},
      {"PUT", "/twins/{}/modules/{}", service_connect, put_module_twin},

      {"POST", "/twins/{}/methods", service_connect, nullptr, invoke_device_method},
      {"POST", "/twins/{}/modules/{}/methods", service_connect, nullptr, invoke_module_method},

      {"POST", "/devices/{}/messages/devicebound", service_connect, send_to_device},
      {"POST", "/devices/{}/modules/{}/messages/devicebound", service_connect, send_to_module},
      {"DELETE", "/devices/{}/commands", service_connect, purge_messages},
      {"GET", "/messages/serviceBound/feedback", service_connect, next_feedback},
      {"DELETE", "/messages/serviceBound/feedback/{}", service_connect, complete_feedback},
      {"POST", "/messages/serviceBound/feedback/{}/abandon", service_connect, abandon_feedback},
      {"GET", "/messages/serviceBound/filenotifications", service_connect, next_file_notification},
      {"DELETE", "/messages/serviceBound/filenotifications/{}", service_connect, complete_file_notification},
      {"POST", "/messages/serviceBound/filenotifications/{}/abandon", service_connect, abandon_file_notification},

      {"POST", "/devices/{}/files", device, begin_upload},
      {"POST", "/devices/{}/files/notifications", device, end_upload},
      {"POST", "/devices/{}/files/notifications/{}", device, end_upload},
      {"GET", "/files", service_connect, list_files},
      {"GET", "/files/{}/{}", service_connect, get_file},
      {"DELETE", "/files/{}/{}", service_connect, delete_file},

      {"POST", "/devices/{}/messages/events", device, send_event},
      {"POST", "/devices/{}/modules/{}/messages/events", device, send_event},
      {"GET", "/devices/{}/messages/devicebound", device, next_message},
      {"DELETE", "/devices/{}/messages/devicebound/{}", device, settle_message},
      {"POST", "/devices/{}/messages/devicebound/{}/abandon", device, abandon_message},
  };
  // clang-format on
  return rows;
}

}  // namespace pavise::hub::rest
