// The handlers of the route table. Each is called only through the gate: the caller's role and
// tenant are settled, the query holds known names only, and Call::device is resolved where the
// row says so. Errors are those of the called service; see errors.cc for their status.
#pragma once

#include "cloud/server/routes/route.h"

namespace pavise::server {

inline constexpr std::size_t kPageDefault = 100;
inline constexpr std::uint64_t kTelemetryWaitMsMax = 30'000;
inline constexpr std::chrono::milliseconds kTelemetryPoll{100};
inline constexpr std::size_t kReasonMax = 200;
inline constexpr std::size_t kNameMax = 64;
inline constexpr std::size_t kPemTextMax = 16UL * 1024;
inline constexpr std::size_t kVoucherTextMax = 4UL * 1024;
inline constexpr std::size_t kIntermediatesMax = 4;
inline constexpr std::int64_t kTokenDaysMax = 3650;
inline constexpr std::size_t kHubNameMin = 3;  // as IoT Hub has it
inline constexpr std::size_t kHubNameMax = 50;
inline constexpr std::int64_t kHubTokenSecondsMax = 365LL * 24 * 3600;

// service.cc
Result<Reply> get_status(Call& call);
Result<Reply> get_metrics(Call& call);
// activity.cc
Result<Reply> get_activity(Call& call);
Result<Reply> get_hub_activity(Call& call);
Result<Reply> list_tenants(Call& call);
Result<Reply> create_tenant(Call& call);
Result<Reply> list_tokens(Call& call);
Result<Reply> create_token(Call& call);
Result<Reply> remove_token(Call& call);
Result<Reply> read_audit(Call& call);

// devices.cc
Result<Reply> list_devices(Call& call);
Result<Reply> get_device(Call& call);
Result<Reply> claim_device(Call& call);
Result<Reply> enable_device(Call& call);
Result<Reply> disable_device(Call& call);
Result<Reply> release_device(Call& call);
Result<Reply> revoke_certificates(Call& call);
Result<Reply> get_evidence(Call& call);
Result<Reply> get_evidence_history(Call& call);
Result<Reply> register_device(Call& call);

// hub.cc
Result<Reply> get_twin(Call& call);
Result<Reply> patch_twin(Call& call);
Result<Reply> read_telemetry(Call& call);

Result<Reply> read_hub_telemetry(Call& call);

// hubs.cc
Result<Reply> list_hubs(Call& call);
Result<Reply> create_hub(Call& call);
Result<Reply> get_hub(Call& call);
Result<Reply> change_hub(Call& call);
Result<Reply> delete_hub(Call& call);
Result<Reply> show_hub_policies(Call& call);
Result<Reply> make_hub_token(Call& call);

// hub_certificates.cc
Result<Reply> list_hub_certificates(Call& call);
Result<Reply> add_hub_certificate(Call& call);
Result<Reply> delete_hub_certificate(Call& call);
Result<Reply> make_verification_code(Call& call);
Result<Reply> verify_hub_certificate(Call& call);

// hub_endpoints.cc
Result<Reply> list_hub_endpoints(Call& call);
Result<Reply> create_hub_endpoint(Call& call);
Result<Reply> get_hub_endpoint(Call& call);
Result<Reply> change_hub_endpoint(Call& call);
Result<Reply> delete_hub_endpoint(Call& call);

// hub_routes.cc
Result<Reply> read_hub_audit(Call& call);
Result<Reply> list_hub_routes(Call& call);
Result<Reply> create_hub_route(Call& call);
Result<Reply> get_hub_route(Call& call);
Result<Reply> change_hub_route(Call& call);
Result<Reply> delete_hub_route(Call& call);
Result<Reply> test_hub_routes(Call& call);

// supply.cc
Result<Reply> list_vendors(Call& call);
Result<Reply> add_vendor(Call& call);
Result<Reply> remove_vendor(Call& call);
Result<Reply> list_release_keys(Call& call);
Result<Reply> add_release_key(Call& call);
Result<Reply> list_releases(Call& call);
Result<Reply> add_release(Call& call);
Result<Reply> revoke_release(Call& call);

}  // namespace pavise::server
