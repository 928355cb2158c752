#include "device/factory/https_services.h"

#include <algorithm>

#include "protocol/evidence/limits.h"

namespace pavise::factory {
namespace {

constexpr net::Millis kTimeout{20'000};
constexpr std::size_t kDetailMax = 300;

// The service's own words, made fit for one line of a terminal.
std::string printable(ByteView body) {
  std::string out(as_text(body).substr(0, kDetailMax));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

// PEM is plain text; only its line ends need care inside of a JSON string.
std::string json_text(std::string_view pem) {
  std::string out;
  for (const char c : pem) {
    if (c == '\n')
      out += "\\n";
    else if (c != '\r' && c != '"' && c != '\\' && c >= 0x20 && c < 0x7f)
      out.push_back(c);
  }
  return out;
}

}  // namespace

Result<net::HttpsClient> HttpsServices::connect(const net::Url& url) const {
  return net::HttpsClient::connect(
      url.host, url.port, {.trust_anchors_pem = addresses_.ca_pem, .connect_timeout = kTimeout});
}

Status HttpsServices::register_device(ByteView ek_certificate_der) {
  PAVISE_TRY_ASSIGN(net::HttpsClient client, connect(addresses_.management));
  std::string body = R"({"ek_certificate":")" + to_base64(ek_certificate_der) + "\"";
  if (!addresses_.intermediates_pem.empty()) {
    body += R"(,"intermediates":[)";
    for (const std::string& pem : addresses_.intermediates_pem)
      body += (body.ends_with('[') ? "\"" : ",\"") + json_text(pem) + "\"";
    body += "]";
  }
  body += "}";
  PAVISE_TRY_ASSIGN(const net::HttpResponse response,
                    client.send({.method = "POST",
                                 .target = "/api/v1/factory/devices",
                                 .headers = {{"Authorization", "Bearer " + addresses_.token},
                                             {"Content-Type", "application/json"}},
                                 .body = to_bytes(as_bytes(body))},
                                kTimeout));
  if (response.status != 200 && response.status != 201)
    return Error(kNotRegistered, "HTTP status " + std::to_string(response.status) + ", " +
                                     printable(response.body));
  return {};
}

Result<Bytes> HttpsServices::post_to_listener(const std::string& path, Bytes body) {
  // Challenge and answer belong to one connection, so a lost one is not replaced.
  if (!listener_) {
    PAVISE_TRY_ASSIGN(listener_, connect(addresses_.listener));
  }
  PAVISE_TRY_ASSIGN(net::HttpResponse response,
                    listener_->send({.method = "POST",
                                     .target = path,
                                     .headers = {{"Content-Type", "application/cbor"}},
                                     .body = std::move(body)},
                                    kTimeout));
  const std::string* type = response.header("content-type");
  if (type == nullptr || *type != "application/cbor")
    return Error(kBadAnswer, path + ": HTTP status " + std::to_string(response.status));
  return std::move(response.body);
}

}  // namespace pavise::factory
