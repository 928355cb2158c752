// Calls of a hub's own REST interface, by a token that the management API made.
#pragma once

#include <string>
#include <string_view>

#include "cli/api/api_client.h"

namespace pavise::cli {

// The token's answer of the management API, as far as calls need it.
struct HubAccess {
  std::string host_name;  // of the hub; travels as the Host header
  std::uint16_t https_port = 0;
  std::string token;
};

// The code and words of a hub's error answer (its header iothub-errorcode comes back in the body).
ApiError read_hub_error(const ApiReply& reply);

// Not thread-safe; blocks up to the timeouts.
class HubClient {
 public:
  // Connects to the machine of the management API, whose certificate the hub shows, too.
  // net::kBadUrl, kFileUnreadable.
  static Result<HubClient> create(const Context& context, HubAccess access, net::Millis timeout);

  // Every HTTP status is a reply; errors are those of the network.
  Result<ApiReply> call(std::string_view method, const std::string& target, std::string body = {},
                        std::vector<net::HttpHeader> headers = {}, net::Millis extra_wait = {});

  const HubAccess& access() const { return access_; }

 private:
  HubClient(std::string machine, net::TlsOptions tls, HubAccess access, net::Millis timeout)
      : machine_(std::move(machine)),
        tls_(std::move(tls)),
        access_(std::move(access)),
        timeout_(timeout) {}

  std::string machine_;
  net::TlsOptions tls_;
  HubAccess access_;
  net::Millis timeout_;
  std::optional<net::HttpsClient> connection_;
};

}  // namespace pavise::cli
