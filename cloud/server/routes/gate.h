// The one place where a management call is let through or refused. Default deny: a call reaches a
// handler only from here, and only when its row of the route table says so.
#pragma once

#include <memory>

#include "cloud/server/routes/route.h"

namespace pavise::server {

// admin may everything; operator and reader as their names say; factory and metrics nothing but
// their own.
bool role_suffices(security::Role held, security::Role needed);

// The matching row and what stands for its {name}s, in their order.
struct Match {
  const Route* route;
  std::vector<std::string> names;
};
// kNoSuchPath; kNoSuchMethod with the methods that exist as its detail.
Result<Match> match_route(std::span<const Route> table, std::string_view method,
                          std::string_view path);

class Gate {
 public:
  // Both arguments outlive the gate.
  Gate(Services& services, std::span<const Route> table)
      : services_(services), table_(table), failures_(services.clock) {}

  struct Passed {
    const Route* route;
    Call call;
  };
  // Authenticates, then authorises, then parses. Nothing about paths, devices or bodies is told to
  // who has no token. Errors: kTokenNeeded, kTokenRefused, kTooManyFailures, kNoSuchPath,
  // kNoSuchMethod, kRoleRefused, kTenantRefused, kDeviceUnknown (also for another tenant's device),
  // hub::store::kHubNotFound (also for another tenant's hub), kReleaseUnknown, kBadQuery,
  // kBadValue, kNotJsonType, kUnexpectedBody, those of JsonObject and Registry. Thread-safe; blocks
  // on disk.
  Result<Passed> pass(const http::Request& request);
  // Who calls, by the head alone. kTokenNeeded, kTokenRefused, kTooManyFailures. Does not block.
  Result<Caller> authenticate(const http::Request& request);

 private:
  Status read_body(const Route& route, Call& call) const;
  Status confine(const Route& route, Call& call) const;
  Status confine_to_tenant(Call& call, const std::optional<std::string>& named) const;
  Status confine_to_device(Call& call, std::string_view id) const;
  Status confine_to_release(const Call& call) const;
  Status confine_to_hub(Call& call) const;

  Services& services_;
  std::span<const Route> table_;
  FailureLimiter failures_;
};

}  // namespace pavise::server
