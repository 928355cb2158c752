#include "bench/box/house.h"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>

#include "bench/hub/process_usage.h"
#include "protocol/sas/key.h"
#include "protocol/sas/token.h"

namespace pavise::bench {
namespace {

constexpr std::string_view kHost = "box-hub.hub.test";
constexpr std::string_view kPolicy = "iothubowner";
constexpr UnixSeconds kTokenS = 86'400;

// Not a secret: it protects devices that live for minutes on this machine alone.
Bytes group_key() {
  return Bytes(32, std::byte{0x42});
}

}  // namespace

bool House::fail(const char* what) const {
  std::fprintf(stderr, "%s\n%s", what, server_.log().c_str());
  return false;
}

bool House::start() {
  if (!server_.start({"--hub-https-port", "0"})) return fail("the server did not start");
  ca_pem_ = server_.ca_pem();
  std::ifstream ports(server_.folder + "/state/ports.json");
  const std::string text{std::istreambuf_iterator<char>(ports), {}};
  https_port_ = static_cast<std::uint16_t>(boost::json::parse(text).at("hub_https").as_int64());
  if (server_.call("POST", "/tenants", R"({"id":"acme"})").status != 201)
    return fail("no tenant was made");
  if (server_.call("POST", "/hubs", R"({"name":"box-hub","tenant":"acme"})").status != 201)
    return fail("no hub was made");
  const auto said = server_.call("GET", "/hubs/box-hub/policies");
  if (said.status != 200) return fail("no policies were shown");
  for (const auto& policy : said.json.at("policies").as_array())
    if (policy.at("name").as_string() == kPolicy)
      owner_key_ = policy.at("primary_key").as_string().c_str();
  return !owner_key_.empty() || fail("no policy iothubowner");
}

FleetPlace House::fleet(std::uint32_t devices) const {
  return {.host = std::string(kHost),
          .mqtt_port = server_.hub_port,
          .ca_pem = ca_pem_,
          .group_key = group_key(),
          .devices = devices};
}

CallerPlace House::callers() const {
  const auto key = sas::parse_key(owner_key_);
  PAVISE_CHECK(key.has_value());
  return {.host = std::string(kHost),
          .https_port = https_port_,
          .ca_pem = ca_pem_,
          .token = sas::make_token(kHost, key->view(), std::time(nullptr) + kTokenS, kPolicy)};
}

std::string House::bulk_entry(const std::string& device, std::string_view mode) const {
  const std::string key = to_base64(sas::derive_device_key(group_key(), device).view());
  return R"({"id":")" + device + R"(","importMode":")" + std::string(mode) +
         R"(","authentication":{"type":"sas","symmetricKey":{"primaryKey":")" + key +
         R"(","secondaryKey":")" + key + R"("}},"tags":{"floor":)" +
         std::to_string(device.back() - '0') + "}}";
}

std::string House::device_token(const std::string& device) const {
  return sas::make_token(std::string(kHost) + "/devices/" + device,
                         sas::derive_device_key(group_key(), device).view(),
                         std::time(nullptr) + kTokenS);
}

double House::server_cpu_s() const {
  return process_cpu_s(server_.pid);
}

double House::server_resident_mib() const {
  return process_resident_kib(server_.pid) / 1024;
}

}  // namespace pavise::bench
