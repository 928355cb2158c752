#include "cloud/hub/amqp/credentials.h"

#include <algorithm>

#include "protocol/iothub/percent.h"

namespace pavise::hub {
namespace {

// devices/{d} or devices/{d}/modules/{m}
bool names_device(const std::vector<std::string>& segments) {
  return (segments.size() == 2 || (segments.size() == 4 && segments[2] == "modules")) &&
         segments[0] == "devices";
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

void Credentials::show(const Token& token, Claim& claim) {
  claim.policy = token.policy;
  (token.policy.empty() ? claim.sas_token : claim.policy_key) = token.text;
}

Result<Principal> Credentials::check(const Token& token) {
  const auto& segments = token.audience.segments;
  Claim claim{.host = host_, .event_hub = token.audience.event_hub};
  show(token, claim);
  const std::vector<std::string_view> resource = views(segments);
  if (names_device(segments)) {
    claim.device = segments[1];
    if (segments.size() == 4) claim.module_id = segments[3];
  } else {
    claim.resource = resource;
  }
  return port_.authenticate(claim);
}

Result<Principal> Credentials::keep(Token token) {
  if (token.text.empty() || token.text.size() > kTokenSizeMax) return kBadTokenRequest;
  const auto same = std::ranges::find(tokens_, token.name, &Token::name);
  if (same == tokens_.end() && tokens_.size() == kTokensMax) return kTooManyTokens;
  PAVISE_TRY_ASSIGN(Principal principal, check(token));
  token.expires_ms = principal.expires_ms;
  if (same == tokens_.end()) {
    tokens_.push_back(std::move(token));
  } else {
    *same = std::move(token);
  }
  return principal;
}

Result<Principal> Credentials::put(std::string_view audience, std::string_view token) {
  PAVISE_TRY_ASSIGN(Audience parsed, Audience::parse(audience));
  return keep({std::string(audience), std::move(parsed), std::string(token)});
}

Result<Principal> Credentials::plain(std::string_view host, std::string_view user,
                                     std::string_view token) {
  const std::size_t at = user.rfind("@sas.");
  if (user.empty() || at == 0) return kBadTokenRequest;
  host_ = host;
  if (at == std::string_view::npos)
    return keep({.name = std::string(user),
                 .audience = {.host = {}, .segments = {}, .event_hub = true},
                 .text = std::string(token),
                 .policy = std::string(user)});
  Token out{.name = std::string(user), .audience = {}, .text = std::string(token)};
  if (!user.substr(at + 5).starts_with("root.")) {
    const std::string_view id = user.substr(0, at);
    const std::size_t module_at = id.find("/modules/");
    PAVISE_TRY_ASSIGN(std::string device, iothub::percent_decode(id.substr(0, module_at)));
    out.audience.segments = {"devices", std::move(device)};
    if (module_at != std::string_view::npos) {
      PAVISE_TRY_ASSIGN(std::string module_id, iothub::percent_decode(id.substr(module_at + 9)));
      out.audience.segments.insert(out.audience.segments.end(), {"modules", std::move(module_id)});
    }
  }
  return keep(std::move(out));
}

UnixMillis Credentials::earliest_expiry_ms() const {
  UnixMillis out = INT64_MAX;
  for (const Token& token : tokens_) out = std::min(out, token.expires_ms);
  return out;
}

bool Credentials::forget_expired(UnixMillis now_ms) {
  return std::erase_if(tokens_, [&](const Token& token) { return token.expires_ms <= now_ms; }) > 0;
}

void Credentials::check_again(const std::string& device,
                              const std::optional<std::string>& module_id) {
  std::erase_if(tokens_, [&](const Token& token) {
    const auto& segments = token.audience.segments;
    if (!names_device(segments) || segments[1] != device) return false;
    if (module_id && (segments.size() == 4 ? segments[3] : std::string{}) != *module_id)
      return false;
    return !check(token).has_value();
  });
}

Result<Principal> Credentials::device(const std::string& device, const std::string& module_id) {
  Claim claim{.host = host_, .device = device, .module_id = module_id};
  Error last = kNoCredentials;
  // Its own token first, then those that are for no device.
  for (const bool own : {true, false}) {
    for (const Token& token : tokens_) {
      const auto& segments = token.audience.segments;
      const bool is_device = names_device(segments);
      const bool matches =
          own ? is_device && segments[1] == device &&
                    (segments.size() == 4 ? segments[3] == module_id : module_id.empty())
              : !is_device && !token.audience.event_hub;
      if (!matches) continue;
      claim.sas_token = token.text;
      auto principal = port_.authenticate(claim);
      if (principal && principal->identity) return principal;
      if (!principal) last = std::move(principal).error();
    }
  }
  claim.sas_token = {};
  auto by_certificate = port_.authenticate(claim);
  if (by_certificate && by_certificate->identity) return by_certificate;
  // A token was shown: that it does not do says more than that there is no certificate.
  return tokens_.empty() && !by_certificate ? std::move(by_certificate).error() : last;
}

Result<Principal> Credentials::service(const Address& address) {
  const std::string partition = std::to_string(address.partition);
  std::vector<std::string_view> resource;
  if (address.kind == Address::Kind::event_management)
    resource = {address.entity, "$management"};
  else if (address.kind == Address::Kind::event_partition)
    resource = {address.entity, "ConsumerGroups", address.consumer_group, "Partitions", partition};
  Error last = kNoCredentials;
  for (const Token& token : tokens_) {
    if (names_device(token.audience.segments)) continue;
    if (token.audience.event_hub && !address.of_events()) continue;
    // Where no entity is named, the token's own audience says which is meant.
    if (address.kind == Address::Kind::event_management && address.entity.empty())
      resource = views(token.audience.segments);
    Claim claim{.host = host_, .resource = resource, .event_hub = token.audience.event_hub};
    show(token, claim);
    auto principal = port_.authenticate(claim);
    if (principal && has(principal->rights, Right::service_connect)) return principal;
    if (!principal) last = std::move(principal).error();
  }
  return last;
}

}  // namespace pavise::hub
