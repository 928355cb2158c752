// A whole management API without sockets: real registry and hub database, fake signer and devices.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/server/routes/management_api.h"

namespace pavise::server::testing {

inline constexpr UnixMillis kStartMs = 1'795'000'000'000;

class FakeSigner final : public security::signer::Signer {
 public:
  Result<security::signer::AuthorityCertificates> create_tenant_ca(const TenantId& tenant) override;
  Result<Bytes> sign_leaf(const security::signer::LeafRequest& request) override;
  std::vector<Result<Bytes>> sign_leaves(
      const std::vector<security::signer::LeafRequest>& requests) override;
  Result<security::signer::ServerCertificate> make_server_certificate(
      const security::signer::ServerRequest& request) override;
  Result<std::vector<security::signer::TenantAuthority>> list() override;

  bool reachable = true;
};

class FakeTelemetry final : public Telemetry {
 public:
  std::uint64_t first_offset() override { return 0; }
  std::uint64_t next_offset() override { return items.size(); }
  Result<TelemetryPage> read(std::uint64_t from, std::size_t limit,
                             const TelemetryFilter& filter) override;
  void add(const DeviceId& device, const TenantId& tenant, std::string_view body);

  std::vector<TelemetryItem> items;
};

// Keeps what it is given; merging is the hub's business.
class FakeTwins final : public Twins {
 public:
  Result<TwinDocument> read(const TenantId& tenant, const DeviceId& device) override;
  Result<TwinDocument> change_desired(const TenantId& tenant, const DeviceId& device,
                                      const std::string& patch,
                                      std::optional<std::uint64_t> if_version) override;
  Status forget(const DeviceId& device) override;
  Status tenant_created(const TenantId& tenant) override;

  std::vector<TenantId> tenants;
  std::map<std::string, TwinDocument> documents;
};

class FakePresence final : public Presence {
 public:
  bool connected(const TenantId&, const DeviceId& device) override { return device == present; }
  std::size_t connected_count() override { return present ? 1 : 0; }

  std::optional<DeviceId> present;
};

class SilentLog final : public Log {
 public:
  void write(Level level, std::string_view event, std::span<const Field> fields) override;
  std::string lines;
};

TenantId tenant_named(std::string_view name);
// 64 times the digit.
DeviceId device_named(char digit);

struct Said {
  int status = 0;
  http::Response raw;
  boost::json::object json;
  // The error's code, empty if there is none.
  std::string code() const;
};

class ApiHouse {
 public:
  // With `registry_pages_max` the registry's file ends there, as on a full disk.
  explicit ApiHouse(std::uint32_t registry_pages_max = 0);
  ~ApiHouse();

  // `body` empty: no body. `peer` is who asks, for the limit on failures.
  Said call(std::string_view method, std::string_view path_and_query, std::string_view token,
            std::string_view body = {}, std::vector<http::Header> headers = {});
  std::string token(std::string_view name, security::Role role,
                    const std::optional<TenantId>& tenant = {});
  void add_tenant(const TenantId& id);
  void add_hub(std::string_view name, const TenantId& tenant);
  // Registered, activated and, with a tenant, claimed.
  void add_device(const DeviceId& id, const std::optional<TenantId>& tenant);

 private:
  std::string folder_;

 public:
  ManualClock clock{kStartMs};
  std::unique_ptr<security::Registry> registry;
  FakeSigner signer;
  std::unique_ptr<security::LiveAuthority> authority;
  std::unique_ptr<security::Issuer> issuer;
  std::unique_ptr<security::Tenancy> tenancy;
  std::unique_ptr<security::ReleaseBook> releases;
  std::unique_ptr<TokenAuthority> tokens;
  FakeTelemetry telemetry;
  FakeTwins twins;
  FakePresence presence;
  Storage storage{.free_bytes = 3 * kLowStorageBytes, .size_bytes = 4 * kLowStorageBytes};
  SilentLog log;
  std::unique_ptr<hub::store::HubStore> hub_store;
  std::unique_ptr<hub::store::StoreQueue> hub_queue;
  std::vector<std::string> ended_hubs;  // whose connections were told to end
  std::vector<std::string> made_hubs;
  std::vector<std::string> forgotten_hubs;
  std::map<std::string, hub::HubActivity, std::less<>> activity;
  int routing_changes = 0;  // that the router was told of
  hub::routing::Board endpoint_board;
  std::unique_ptr<Services> services;
  std::unique_ptr<ManagementApi> api;
  std::string admin;
  std::string peer = "192.0.2.1";
};

}  // namespace pavise::server::testing
