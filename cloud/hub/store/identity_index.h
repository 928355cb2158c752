// What authentication needs to know, in memory: hubs with their policies and CA certificates, and
// identities with keys or thumbprints. Event loops ask it without touching the database.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/store/records.h"

namespace pavise::hub::store {

struct PolicyAuth {
  std::string name;
  Rights rights = 0;
  Bytes primary_key;  // decoded
  Bytes secondary_key;
};
struct CaAuth {
  std::string name;
  Bytes certificate;  // DER; only verified ones are here
};
// Immutable snapshot of one hub; stays valid for who holds it.
struct HubAuth {
  HubRecord hub;
  std::vector<PolicyAuth> policies;
  std::vector<CaAuth> ca_certificates;

  const PolicyAuth* policy(std::string_view name) const;
};

// A key of 16 to 64 bytes or a thumbprint of 20 or 32; size 0: none. Wiped when it goes.
class Credential {
 public:
  Credential() = default;
  explicit Credential(ByteView bytes);  // precondition: at most kKeySizeMax bytes
  Credential(const Credential&) = default;
  Credential& operator=(const Credential&) = default;
  ~Credential() { wipe(bytes_); }
  ByteView view() const { return ByteView(bytes_).first(size_); }
  bool empty() const { return size_ == 0; }

 private:
  std::array<std::byte, kKeySizeMax> bytes_{};
  std::uint8_t size_ = 0;
};

struct IdentityAuth {
  AuthKind kind = AuthKind::none;
  bool enabled = false;
  bool iot_edge = false;
  std::uint64_t generation_id = 0;
  Credential primary{};  // a key for sas, a thumbprint for self_signed
  Credential secondary{};
};

// Thread-safe; readers of different identities rarely meet. Never blocks for longer than a copy.
class IdentityIndex {
 public:
  IdentityIndex();
  ~IdentityIndex();
  IdentityIndex(const IdentityIndex&) = delete;
  IdentityIndex& operator=(const IdentityIndex&) = delete;

  // By hub name; nullptr: no such hub.
  std::shared_ptr<const HubAuth> hub(const iothub::HubName& name) const;
  // By host name, without case and port: "{hub}.anything" or one of a hub's aliases.
  std::shared_ptr<const HubAuth> hub_by_host(std::string_view host) const;
  std::vector<std::shared_ptr<const HubAuth>> hubs() const;

  std::optional<IdentityAuth> find(const iothub::Identity& id) const;
  bool contains(const iothub::Identity& id) const;
  std::size_t size() const;        // identities of all hubs
  std::size_t bytes_used() const;  // by the identities: records, tables and allocator overhead

  // For implementations of HubStore, after a commit.
  void put_hub(std::shared_ptr<const HubAuth> hub);
  void remove_hub(const iothub::HubName& name);  // with its identities
  void put(const iothub::Identity& id, const IdentityAuth& auth);
  void remove(const iothub::Identity& id);  // this one only

 private:
  struct Shard;
  struct Hubs;
  Shard& shard_of(std::uint64_t hash) const;

  std::unique_ptr<Shard[]> shards_;
  std::unique_ptr<Hubs> hubs_;
};

}  // namespace pavise::hub::store
