// Who calls the management API: bearer tokens and their roles, checked from memory.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/security/registry/registry.h"
#include "common/base/bytes.h"

namespace pavise::server {

// Errors: PV-ACC-nnn.
inline constexpr ErrorInfo kTokenUnknown{
    "PV-ACC-001", Retry::needs_operator, "the token is unknown or has ended",
    "Use a token of this server; an administrator makes one: POST /api/v1/tokens."};
inline constexpr ErrorInfo kTokenNameTaken{"PV-ACC-002", Retry::never,
                                           "a token with this name exists", "Choose another name."};

inline constexpr std::size_t kTokenSecretBytes = 32;
inline constexpr std::string_view kTokenPrefix = "pavise_";
inline constexpr std::size_t kTokenNameMax = 64;

struct Caller {
  std::string name;  // of the token
  security::Role role = security::Role::reader;
  std::optional<TenantId> tenant;  // set: confined to it
};

struct NewToken {
  security::TokenRecord record;
  std::string secret;  // to be shown once
};

// Only SHA-256 digests of secrets are kept, in memory and on disk; a secret has 256 random bits, so
// a fast hash is enough and the look-up's timing says nothing. Thread-safe.
class TokenAuthority {
 public:
  // Reads all tokens. Both arguments outlive the authority. Errors: those of Registry.
  static Result<std::unique_ptr<TokenAuthority>> load(security::Registry& registry,
                                                      const Clock& clock);

  // kTokenUnknown, without saying whether it never existed or ended. Does not block on disk.
  Result<Caller> check(std::string_view secret) const;

  // kTokenNameTaken; those of Registry. Blocks on disk.
  Result<NewToken> create(std::string_view actor, std::string_view name, security::Role role,
                          const std::optional<TenantId>& tenant,
                          std::optional<UnixSeconds> not_after);
  // Holds from the return on. Those of Registry (kNotFound).
  Status remove(std::string_view actor, std::string_view name);
  std::vector<security::TokenRecord> list() const;  // by name
  bool empty() const;

 private:
  TokenAuthority(security::Registry& registry, const Clock& clock)
      : registry_(registry), clock_(clock) {}

  security::Registry& registry_;
  const Clock& clock_;
  mutable std::shared_mutex mutex_;
  std::map<Digest256, security::TokenRecord> by_hash_;
};

// "admin", "operator", "reader", "factory", "metrics".
std::optional<security::Role> parse_role(std::string_view text);
// 1 to kTokenNameMax of A-Z a-z 0-9 . _ -
bool is_token_name(std::string_view text);

inline constexpr std::size_t kFailuresMax = 10;
inline constexpr std::int64_t kFailureWindowMs = 60'000;
inline constexpr std::size_t kFailureAddressesMax = 4096;

// Counts failed authentications per address. Good tokens pass always: whoever shares an address
// with an attacker is not locked out. Thread-safe, bounded in memory.
class FailureLimiter {
 public:
  explicit FailureLimiter(const Clock& clock) : clock_(clock) {}
  // Notes one failure; false when the address has had more than kFailuresMax in its window.
  bool note_failure(const std::string& address);

 private:
  struct Window {
    std::int64_t begins_ms = 0;
    std::size_t failures = 0;
  };
  void forget_ended(std::int64_t now_ms);

  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Window> windows_;
};

}  // namespace pavise::server
