#include "cloud/hub/routing_sinks/webhook_sink.h"

#include <optional>
#include <string>

#include "cloud/hub/routing/address.h"
#include "cloud/hub/routing_sinks/authorities.h"
#include "common/net/https_client.h"

namespace pavise::hub::routing {
namespace {

class WebhookSink final : public Sink {
 public:
  WebhookSink(WebhookAddress address, std::string secret, net::TlsOptions tls, net::Millis answer)
      : address_(std::move(address)),
        secret_(std::move(secret)),
        tls_(std::move(tls)),
        answer_(answer) {}

  Outcome deliver(std::span<const Message> messages) override {
    net::HttpRequest request{
        .method = "POST",
        .target = address_.target,
        .headers = {{"Content-Type", "application/json"}, {"User-Agent", "pavise"}},
        .body = to_bytes(as_bytes(json_batch(messages)))};
    if (!secret_.empty()) request.headers.push_back({"Authorization", secret_});
    auto response = send(request);
    // The server had ended a connection that was kept for the next batch.
    if (!response && client_ && client_->went_stale()) {
      client_.reset();
      response = send(request);
    }
    if (client_ && !client_->usable()) client_.reset();
    if (!response) return {.error = response.error()};
    return webhook_outcome(response->status, messages.size());
  }

 private:
  Result<net::HttpResponse> send(const net::HttpRequest& request) {
    if (!client_) {
      PAVISE_TRY_ASSIGN(auto connected, net::HttpsClient::connect(address_.host, address_.port,
                                                                  tls_, kWebhookLimits));
      client_.emplace(std::move(connected));
    }
    return client_->send(request, answer_);
  }

  const WebhookAddress address_;
  const std::string secret_;
  const net::TlsOptions tls_;
  const net::Millis answer_;
  std::optional<net::HttpsClient> client_;
};

}  // namespace

Outcome webhook_outcome(int status, std::size_t count) {
  if (status >= 200 && status < 300) return {.delivered = count};
  std::string text = "status " + std::to_string(status);
  if (status >= 300 && status < 400) text += ", and redirects are not followed";
  const bool refused = status == 400 || status == 413 || status == 415 || status == 422;
  return {.error = Error(refused ? kRefusedByEndpoint : kEndpointFailed, std::move(text)),
          .refused = refused};
}

Result<std::unique_ptr<Sink>> make_webhook_sink(const store::RoutingEndpointRecord& endpoint,
                                                const WebhookTimes& times) {
  PAVISE_TRY_ASSIGN(WebhookAddress address, WebhookAddress::parse(endpoint.address));
  net::TlsOptions tls{.allow_tls12 = true, .connect_timeout = times.connect};
  PAVISE_TRY_ASSIGN(tls.trust_anchors_pem, authorities_of(endpoint));
  return std::unique_ptr<Sink>(std::make_unique<WebhookSink>(std::move(address), endpoint.secret,
                                                             std::move(tls), times.answer));
}

}  // namespace pavise::hub::routing
