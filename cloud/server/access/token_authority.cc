#include "cloud/server/access/token_authority.h"

#include <algorithm>

#include "common/crypto/crypto.h"

namespace pavise::server {

using security::Role;
using security::TokenRecord;

Result<std::unique_ptr<TokenAuthority>> TokenAuthority::load(security::Registry& registry,
                                                             const Clock& clock) {
  auto authority = std::unique_ptr<TokenAuthority>(new TokenAuthority(registry, clock));
  PAVISE_TRY_ASSIGN(const std::vector<TokenRecord> tokens, registry.tokens());
  for (const TokenRecord& token : tokens) authority->by_hash_.emplace(token.hash, token);
  return authority;
}

Result<Caller> TokenAuthority::check(std::string_view secret) const {
  const Digest256 hash = crypto::sha256(as_bytes(secret));
  const std::shared_lock lock(mutex_);
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return kTokenUnknown;
  const TokenRecord& token = found->second;
  if (token.not_after && clock_.now_s() >= *token.not_after) return kTokenUnknown;
  return Caller{token.name, token.role, token.tenant};
}

Result<NewToken> TokenAuthority::create(std::string_view actor, std::string_view name, Role role,
                                        const std::optional<TenantId>& tenant,
                                        std::optional<UnixSeconds> not_after) {
  SecretBytes random(kTokenSecretBytes);
  PAVISE_TRY(crypto::random_fill(random.span()));
  NewToken made;
  made.secret = std::string(kTokenPrefix) + to_hex(random.view());
  made.record.hash = crypto::sha256(as_bytes(made.secret));
  made.record.name = name;
  made.record.role = role;
  made.record.tenant = tenant;
  made.record.created = clock_.now_s();
  made.record.not_after = not_after;

  security::AuditRecord audit;
  audit.at = made.record.created;
  audit.actor = actor;
  audit.action = "token.create";
  audit.subject = name;
  audit.detail = to_string(role);
  if (tenant) audit.detail += " of " + tenant->text();
  auto added = registry_.add_token(made.record, audit);
  if (!added && added.error().is(security::kAlreadyExists)) return kTokenNameTaken;
  PAVISE_TRY(std::move(added));
  const std::unique_lock lock(mutex_);
  by_hash_.emplace(made.record.hash, made.record);
  return made;
}

Status TokenAuthority::remove(std::string_view actor, std::string_view name) {
  security::AuditRecord audit;
  audit.at = clock_.now_s();
  audit.actor = actor;
  audit.action = "token.remove";
  audit.subject = name;
  PAVISE_TRY(registry_.remove_token(name, audit));
  const std::unique_lock lock(mutex_);
  std::erase_if(by_hash_, [&](const auto& entry) { return entry.second.name == name; });
  return {};
}

std::vector<TokenRecord> TokenAuthority::list() const {
  std::vector<TokenRecord> out;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [hash, token] : by_hash_) out.push_back(token);
  }
  std::ranges::sort(out, {}, &TokenRecord::name);
  return out;
}

bool TokenAuthority::empty() const {
  const std::shared_lock lock(mutex_);
  return by_hash_.empty();
}

std::optional<Role> parse_role(std::string_view text) {
  for (const Role role :
       {Role::administrator, Role::operator_, Role::reader, Role::factory, Role::metrics})
    if (text == to_string(role)) return role;
  return std::nullopt;
}

bool is_token_name(std::string_view text) {
  return !text.empty() && text.size() <= kTokenNameMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

bool FailureLimiter::note_failure(const std::string& address) {
  const std::int64_t now_ms = clock_.steady_ms();
  const std::lock_guard lock(mutex_);
  if (windows_.size() >= kFailureAddressesMax && !windows_.contains(address)) {
    forget_ended(now_ms);
    // Still full: many addresses attack at once; the newcomer is one of them.
    if (windows_.size() >= kFailureAddressesMax) return false;
  }
  Window& window = windows_[address];
  if (window.failures == 0 || now_ms - window.begins_ms >= kFailureWindowMs) window = {now_ms, 0};
  return ++window.failures <= kFailuresMax;
}

void FailureLimiter::forget_ended(std::int64_t now_ms) {
  std::erase_if(windows_, [&](const auto& entry) {
    return now_ms - entry.second.begins_ms >= kFailureWindowMs;
  });
}

}  // namespace pavise::server
