// What the client of one connection has shown, and for whom it may speak. Decisions are the port's;
// this room only remembers tokens and asks again where a new address needs it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/amqp/address.h"
#include "cloud/hub/ports/device_port.h"

namespace pavise::hub {

// A gateway may hold one for each of 1,000 devices.
inline constexpr std::size_t kTokensMax = 1024;
inline constexpr std::size_t kTokenSizeMax = 8UL * 1024;

class Credentials {
 public:
  explicit Credentials(DevicePort& port) : port_(port) {}

  // The host of the connection; empty: the TLS layer's server name counts.
  void set_host(std::string host) { host_ = std::move(host); }
  const std::string& host() const { return host_; }

  // A token for an audience, in the place of an older one for it. kTooManyTokens, kUnknownAddress
  // and the errors of authenticate().
  Result<Principal> put(std::string_view audience, std::string_view token);
  // SASL PLAIN: "{device}@sas.{hub}", "{device}/modules/{module}@sas.{hub}",
  // "{policy}@sas.root.{hub}"; or, for events alone, a policy's name and its key.
  Result<Principal> plain(std::string_view host, std::string_view user, std::string_view token);

  // By its own token, a policy's token or the TLS certificate, in this order. The error is the
  // last one's.
  Result<Principal> device(const std::string& device, const std::string& module_id);
  bool empty() const { return tokens_.empty(); }
  UnixMillis earliest_expiry_ms() const;  // INT64_MAX: there is none
  // True if one was forgotten.
  bool forget_expired(UnixMillis now_ms);
  // Asks anew about the tokens of a device and its modules, or of one module, and forgets those
  // that do not count any more.
  void check_again(const std::string& device, const std::optional<std::string>& module_id);

  // By a policy's token that covers the host, or for event addresses this very address.
  Result<Principal> service(const Address& address);

 private:
  struct Token {
    std::string name;  // what it was put for
    Audience audience;
    std::string text;
    std::string policy = {};  // whose key the text is; empty: a token
    UnixMillis expires_ms = 0;
  };
  static void show(const Token& token, Claim& claim);
  Result<Principal> check(const Token& token);
  Result<Principal> keep(Token token);

  DevicePort& port_;
  std::string host_;
  std::vector<Token> tokens_;
};

}  // namespace pavise::hub
