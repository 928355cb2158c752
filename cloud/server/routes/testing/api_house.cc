#include "cloud/server/routes/testing/api_house.h"

#include <stdlib.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <filesystem>

#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/security/registry/sqlite_registry.h"
#include "cloud/server/routes/errors.h"

namespace pavise::server::testing {

namespace signer_api = security::signer;

Result<signer_api::AuthorityCertificates> FakeSigner::create_tenant_ca(const TenantId& tenant) {
  if (!reachable) return signer_api::kSignerUnreachable;
  return signer_api::AuthorityCertificates{to_bytes(as_bytes("root of " + tenant.text())),
                                           to_bytes(as_bytes("issuing of " + tenant.text()))};
}
Result<Bytes> FakeSigner::sign_leaf(const signer_api::LeafRequest&) {
  return signer_api::kSignerPolicy;
}
std::vector<Result<Bytes>> FakeSigner::sign_leaves(
    const std::vector<signer_api::LeafRequest>& requests) {
  return {requests.size(), Result<Bytes>(signer_api::kSignerPolicy)};
}
Result<signer_api::ServerCertificate> FakeSigner::make_server_certificate(
    const signer_api::ServerRequest&) {
  return signer_api::kSignerPolicy;
}
Result<std::vector<signer_api::TenantAuthority>> FakeSigner::list() {
  return std::vector<signer_api::TenantAuthority>();
}

Result<TelemetryPage> FakeTelemetry::read(std::uint64_t from, std::size_t limit,
                                          const TelemetryFilter& filter) {
  TelemetryPage page;
  for (; from < items.size() && page.items.size() < limit; ++from) {
    const TelemetryItem& item = items[from];
    if ((!filter.tenant || item.tenant == *filter.tenant) &&
        (!filter.device || item.device == *filter.device) &&
        (!filter.hub || item.hub == filter.hub->text()) && item.time_ms >= filter.since_ms)
      page.items.push_back(item);
  }
  page.next_offset = from;
  return page;
}
void FakeTelemetry::add(const DeviceId& device, const TenantId& tenant, std::string_view body) {
  items.push_back(
      {items.size(), device.text(), tenant, kStartMs, {{"k", "v"}}, to_bytes(as_bytes(body))});
}

Result<TwinDocument> FakeTwins::read(const TenantId&, const DeviceId& device) {
  return documents[device.text()];
}
Result<TwinDocument> FakeTwins::change_desired(const TenantId&, const DeviceId& device,
                                               const std::string& patch,
                                               std::optional<std::uint64_t> if_version) {
  TwinDocument& twin = documents[device.text()];
  if (if_version && *if_version != twin.desired_version) return kTwinChanged;
  ++twin.desired_version;
  twin.desired = patch;
  return twin;
}
Status FakeTwins::forget(const DeviceId& device) {
  documents.erase(device.text());
  return {};
}
Status FakeTwins::tenant_created(const TenantId& tenant) {
  tenants.push_back(tenant);
  return {};
}

void SilentLog::write(Level level, std::string_view event, std::span<const Field> fields) {
  lines += format_line(kStartMs, level, event, fields) + "\n";
}

TenantId tenant_named(std::string_view name) {
  return *TenantId::parse(name);
}
DeviceId device_named(char digit) {
  return *DeviceId::parse(std::string(DeviceId::kLength, digit));
}

std::string Said::code() const {
  const auto* const error = json.if_contains("error");
  if (error == nullptr) return {};
  return error->as_object().at("code").as_string().c_str();
}

ApiHouse::ApiHouse(std::uint32_t registry_pages_max) {
  std::string pattern = std::filesystem::temp_directory_path() / "pavise-api-XXXXXX";
  folder_ = mkdtemp(pattern.data());
  registry = *security::open_sqlite_registry(
      {.path = folder_ + "/registry.db", .pages_max = registry_pages_max});
  authority = *security::LiveAuthority::load(*registry, clock);
  issuer = std::make_unique<security::Issuer>(*registry, signer, *authority, clock);
  tenancy = std::make_unique<security::Tenancy>(*registry, signer, *authority, clock);
  releases = *security::ReleaseBook::load(*registry, clock);
  tokens = *TokenAuthority::load(*registry, clock);
  hub_store = *hub::store::open_sqlite_hub_store({.path = folder_ + "/hub.db"}, clock);
  hub_queue = std::make_unique<hub::store::StoreQueue>(*hub_store);
  services = std::make_unique<Services>(Services{
      *registry, *tenancy, *issuer, *releases, *tokens, telemetry, twins, presence, clock,
      [] { return Ports{1, 2, 3, 4, 5}; }, [this] { return storage; }, kStartMs / 1000,
      HubAdministration{
          .queue = *hub_queue,
          .host_name = "iot.example.com",
          .rights_changed =
              [this](const hub::RightsChanged& change) {
                PAVISE_CHECK(change.device.empty() && change.hub.has_value());
                ended_hubs.push_back(change.hub->text());
              },
          .connected_count = [](const iothub::HubName&) { return std::size_t{7}; },
          .made = [this](const iothub::HubName& name) { made_hubs.push_back(name.text()); },
          .forget = [this](const iothub::HubName& name) { forgotten_hubs.push_back(name.text()); },
          .activity = [this] { return activity; },
          .routing = true,
          .routing_changed = [this] { ++routing_changes; },
          .endpoint_health =
              [this](std::int64_t endpoint) { return endpoint_board.health(endpoint); }},
      [](metrics::Format format) { return std::string(metrics::content_type(format)) + "\n"; }});
  api = std::make_unique<ManagementApi>(*services, log);
  admin = token("root", security::Role::administrator);
}

ApiHouse::~ApiHouse() {
  api.reset();
  hub_queue.reset();
  hub_store.reset();
  registry.reset();
  std::filesystem::remove_all(folder_);
}

Said ApiHouse::call(std::string_view method, std::string_view path_and_query,
                    std::string_view token, std::string_view body,
                    std::vector<http::Header> headers) {
  http::Request request;
  request.method = method;
  const auto mark = path_and_query.find('?');
  request.path = std::string(kApiRoot).append(path_and_query.substr(0, mark));
  if (mark != std::string_view::npos) request.query = path_and_query.substr(mark + 1);
  request.headers = std::move(headers);
  if (!token.empty())
    request.headers.push_back({"authorization", std::string("Bearer ").append(token)});
  if (!body.empty()) request.headers.push_back({"content-type", "application/json"});
  request.body = body;
  request.peer = peer;
  Said said;
  said.raw = api->handle(request);
  said.status = said.raw.status;
  if (said.raw.content_type == "application/json" && !said.raw.body.empty())
    said.json = boost::json::parse(said.raw.body).as_object();
  return said;
}

std::string ApiHouse::token(std::string_view name, security::Role role,
                            const std::optional<TenantId>& tenant) {
  return tokens->create("test", name, role, tenant, {})->secret;
}

void ApiHouse::add_tenant(const TenantId& id) {
  PAVISE_CHECK(tenancy->create_tenant("test", id).has_value());
}

void ApiHouse::add_hub(std::string_view name, const TenantId& tenant) {
  PAVISE_CHECK(hub_queue->call([&](hub::store::HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_hub(*iothub::HubName::parse(name), tenant, {}));
    return {};
  }));
}

void ApiHouse::add_device(const DeviceId& id, const std::optional<TenantId>& tenant) {
  security::DeviceRecord device{id};
  device.ek_certificate = to_bytes(as_bytes("certificate of " + id.text()));
  device.ek_public = to_bytes(as_bytes("ek of " + id.text()));
  device.created = clock.now_s();
  security::AuditRecord audit;
  audit.actor = "test";
  auto stored = *registry->add_device(device, audit);
  if (!tenant) return;
  security::AkBindingCommit bind{id, stored.version, to_bytes(as_bytes("ak of " + id.text())),
                                 clock.now_s()};
  PAVISE_CHECK(registry->bind_ak(bind, audit).has_value());
  stored = *registry->device(id);
  security::ClaimCommit claim{id, stored.version, *tenant, "serial of " + id.text(), clock.now_s()};
  PAVISE_CHECK(registry->claim_device(claim, audit).has_value());
}

}  // namespace pavise::server::testing
