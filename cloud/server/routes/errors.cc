#include "cloud/server/routes/errors.h"

#include <algorithm>
#include <array>

#include "cloud/hub/ca_proof/ca_proof.h"
#include "cloud/hub/routing/errors.h"
#include "cloud/hub/store/errors.h"
#include "cloud/security/authority/device_authority.h"
#include "cloud/security/registry/registry.h"
#include "cloud/security/releases/release_book.h"
#include "cloud/security/signer/api/signer.h"
#include "cloud/security/tenancy/tenancy.h"
#include "cloud/server/access/token_authority.h"
#include "cloud/server/json/json_object.h"
#include "protocol/query/errors.h"

namespace pavise::server {
namespace {

struct Row {
  const ErrorInfo* info;
  int status;
};

constexpr auto kRows = std::to_array<Row>({
    {&kTokenNeeded, 401},
    {&kTokenRefused, 401},
    {&kRoleRefused, 403},
    {&kTenantRefused, 403},
    {&kNoSuchPath, 404},
    {&kNoSuchMethod, 405},
    {&kTooManyFailures, 429},
    {&kBadQuery, 400},
    {&kUnexpectedBody, 400},
    {&kNotJsonType, 415},
    {&kBadValue, 400},
    {&kOwnToken, 409},
    {&kTwinChanged, 412},
    {&kNoEvidence, 404},
    {&kHubNameReserved, 400},
    {&kHubOfTenant, 409},
    {&hub::store::kHubNotFound, 404},
    {&hub::store::kHubExists, 409},
    {&hub::store::kBadSettings, 400},
    {&hub::store::kTooManyHubs, 409},
    {&hub::store::kPolicyNotFound, 404},
    {&hub::store::kPreconditionFailed, 412},
    {&hub::store::kCertificateNotFound, 404},
    {&hub::store::kCertificateExists, 409},
    {&hub::store::kTooManyCertificates, 409},
    {&hub::store::kBadCertificate, 400},
    {&hub::store::kEndpointNotFound, 404},
    {&hub::store::kEndpointExists, 409},
    {&hub::store::kBadEndpoint, 400},
    {&hub::store::kTooManyEndpoints, 409},
    {&hub::store::kEndpointInUse, 409},
    {&hub::store::kRouteNotFound, 404},
    {&hub::store::kRouteExists, 409},
    {&hub::store::kBadRoute, 400},
    {&hub::store::kTooManyRoutes, 409},
    {&hub::routing::kBadAddress, 400},
    {&hub::routing::kBadTopic, 400},
    {&hub::routing::kNoKafkaLogin, 400},
    {&hub::routing::kRoutingOff, 409},
    {&query::kSyntax, 400},
    {&query::kTooLong, 400},
    {&query::kTooComplex, 400},
    {&hub::store::kStoreFailed, 500},
    {&hub::store::kStoreFull, 507},
    {&hub::store::kStoreCorrupt, 500},
    {&hub::store::kStoreLocked, 503},
    {&hub::store::kStoreBusy, 503},
    {&hub::kNotACertificate, 400},
    {&hub::kNoVerificationCode, 409},
    {&kNotJson, 400},
    {&kMemberMissing, 400},
    {&kMemberMistyped, 400},
    {&kMemberUnknown, 400},
    {&kTokenNameTaken, 409},
    {&security::kRegistryUnavailable, 503},
    {&security::kRegistryFull, 507},
    {&security::kRegistryCorrupt, 500},
    {&security::kRegistryBusy, 503},
    {&security::kNotFound, 404},
    {&security::kAlreadyExists, 409},
    {&security::kChangedMeanwhile, 409},
    {&security::kVoucherUsed, 409},
    {&security::kIdentityConflict, 409},
    {&security::kDeviceUnclaimed, 409},
    {&security::kTenantUnknown, 404},
    {&security::kTenantExists, 409},
    {&security::kDeviceUnknown, 404},
    {&security::kDeviceNotActivated, 409},
    {&security::kAlreadyClaimed, 409},
    {&security::kNotOwner, 409},
    {&security::kVoucherSpent, 409},
    {&security::kReleaseUnknown, 404},
    {&security::signer::kSignerUnreachable, 503},
    {&security::signer::kSignerProtocol, 500},
    {&security::signer::kKeyStoreFailed, 507},
    {&security::signer::kAuthorityDamaged, 500},
});

}  // namespace

int http_status(const Error& error) {
  const auto row =
      std::ranges::find_if(kRows, [&](const Row& each) { return error.is(*each.info); });
  if (row != kRows.end()) return row->status;
  switch (error.retry()) {
    case Retry::later:
      return 503;
    case Retry::never:
    case Retry::after_reattest:
    case Retry::needs_operator:
      return 422;
  }
  return 500;
}

}  // namespace pavise::server
