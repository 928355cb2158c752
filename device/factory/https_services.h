// FactoryServices over HTTPS.
#pragma once

#include <optional>
#include <string>

#include "common/net/https_client.h"
#include "common/net/url.h"
#include "device/factory/factory.h"

namespace pavise::factory {

struct ServiceAddresses {
  net::Url management;
  net::Url listener;
  std::string ca_pem;
  std::string token;                                // of the factory role
  std::vector<std::string> intermediates_pem = {};  // between EK certificate and vendor's root
};

// Not thread-safe.
class HttpsServices final : public FactoryServices {
 public:
  explicit HttpsServices(ServiceAddresses addresses) : addresses_(std::move(addresses)) {}
  Status register_device(ByteView ek_certificate_der) override;
  Result<Bytes> post_to_listener(const std::string& path, Bytes body) override;

 private:
  Result<net::HttpsClient> connect(const net::Url& url) const;

  ServiceAddresses addresses_;
  std::optional<net::HttpsClient> listener_;
};

}  // namespace pavise::factory
