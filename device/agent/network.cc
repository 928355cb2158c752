#include "device/agent/network.h"

#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>

#include "common/crypto/crypto.h"
#include "common/net/https_client.h"
#include "device/memory/startup_pages.h"
#include "protocol/evidence/limits.h"

namespace pavise::agent {
namespace {

constexpr net::Millis kConnectTimeout{15'000};
// The service verifies, asks its signer and writes to disk before it answers.
constexpr net::Millis kAnswerTimeout{30'000};
constexpr net::Millis kWriteTimeout{15'000};

class HttpsAttestChannel final : public AttestChannel {
 public:
  explicit HttpsAttestChannel(net::HttpsClient client) : client_(std::move(client)) {}

  Result<Bytes> post(const std::string& path, Bytes body) override {
    PAVISE_TRY_ASSIGN(net::HttpResponse response,
                      client_.send({.method = "POST",
                                    .target = path,
                                    .headers = {{"Content-Type", "application/cbor"}},
                                    .body = std::move(body)},
                                   kAnswerTimeout));
    const std::string* type = response.header("content-type");
    if (type == nullptr || *type != "application/cbor")
      return Error(kServiceAnswer, "HTTP status " + std::to_string(response.status));
    return std::move(response.body);
  }
  Result<Digest256> exporter(std::string_view label) override {
    return client_.tls().export_keying_material(label);
  }
  std::optional<net::ChainValidity> service_validity() override {
    return client_.tls().server_validity();
  }

 private:
  net::HttpsClient client_;
};

class TlsHubConnection final : public HubConnection {
 public:
  TlsHubConnection(net::TlsClient tls, std::shared_ptr<std::shared_ptr<const net::TlsSession>> kept)
      : tls_(std::move(tls)), kept_(std::move(kept)) {}

  Result<std::size_t> read(std::span<std::byte> out, std::int64_t timeout_ms,
                           std::vector<pollfd> others) override {
    // What has come already may lie in the TLS library, where poll() does not see it.
    auto size = read_now(out);
    if (!size || *size != 0) return size;
    others.push_back({tls_.fd(), POLLIN, 0});
    const auto wait_ms = static_cast<int>(std::min<std::int64_t>(timeout_ms, INT32_MAX));
    if (::poll(others.data(), others.size(), wait_ms) <= 0 || others.back().revents == 0)
      return std::size_t{0};
    return read_now(out);
  }
  Status write(ByteView bytes) override {
    return tls_.write(bytes, net::Deadline::after(kWriteTimeout));
  }

 private:
  // 0: nothing is there.
  Result<std::size_t> read_now(std::span<std::byte> out) {
    auto size = tls_.read(out, net::Deadline::after(net::Millis(0)));
    if (!size && size.error().is(net::kTimedOut)) return std::size_t{0};
    if (size && *size == 0) return Error(net::kClosed);
    if (size) {
      if (auto session = tls_.session()) *kept_ = std::move(session);
    }
    return size;
  }

  net::TlsClient tls_;
  std::shared_ptr<std::shared_ptr<const net::TlsSession>> kept_;
};

}  // namespace

void load_tls_library() {
  OPENSSL_init_ssl(0, nullptr);
  SSL_CTX_free(SSL_CTX_new(TLS_client_method()));
  Digest256 seed{};
  (void)crypto::random_fill(seed).has_value();
}

Result<std::unique_ptr<AttestChannel>> HttpsAttestDialer::open(UnixSeconds now) {
  PAVISE_TRY_ASSIGN(net::HttpsClient client,
                    net::HttpsClient::connect(config_.service_host, config_.service_port,
                                              {.trust_anchors_pem = service_ca_pem_,
                                               .server_name = config_.service_name,
                                               .validation_time = now,
                                               .learn_time = net::LearnTimeFromServer{},
                                               .connect_timeout = kConnectTimeout},
                                              {.body_bytes_max = evidence::kResponseBytesMax}));
  return std::unique_ptr<AttestChannel>(std::make_unique<HttpsAttestChannel>(std::move(client)));
}

Result<std::unique_ptr<HubConnection>> TlsHubConnector::connect(
    const DeviceCertificate& certificate, UnixSeconds now) {
  // A session stands for the certificate it was made with.
  if (session_leaf_ != certificate.chain_der.front()) session_->reset();
  session_leaf_ = certificate.chain_der.front();
  net::TlsOptions options{.trust_anchors_pem = service_ca_pem_,
                          .server_name = certificate.hub_host,
                          .identity = net::ClientIdentity{certificate.chain_der,
                                                          [this](const Digest256& digest) {
                                                            return monitor_.sign_tls(digest);
                                                          }},
                          .validation_time = now,
                          .connect_timeout = kConnectTimeout,
                          .resume = *session_};
  session_->reset();  // a session that fails is not tried twice
  PAVISE_TRY_ASSIGN(net::TlsClient tls,
                    net::TlsClient::connect(config_.hub_address, certificate.hub_port, options));
  // Attestation and handshake are over; what they used is not needed again for hours.
  device::release_startup_pages();
  return std::unique_ptr<HubConnection>(
      std::make_unique<TlsHubConnection>(std::move(tls), session_));
}

}  // namespace pavise::agent
