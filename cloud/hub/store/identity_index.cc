#include "cloud/hub/store/identity_index.h"

#include <malloc.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <unordered_map>

#include "common/base/ascii.h"

namespace pavise::hub::store {
namespace {

constexpr std::size_t kShards = 64;  // a power of two
constexpr std::size_t kTableSizeMin = 16;
// What the allocator keeps before each block.
constexpr std::size_t kBlockOverhead = sizeof(std::size_t);

std::uint64_t hash_of(std::uint32_t hub, std::string_view device, std::string_view module_id) {
  const std::hash<std::string_view> hash;
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  std::uint64_t out = hash(device) ^ (hash(module_id) * kOdd) ^ (hub * (kOdd << 1U));
  out ^= out >> 29U;
  return out * kOdd;
}

// One identity in one block: this header, then device id, module id and both credentials.
struct Record {
  std::uint64_t generation;
  std::uint32_t hash;
  std::uint32_t hub;
  std::uint8_t device_size;
  std::uint8_t module_size;
  std::uint8_t primary_size;
  std::uint8_t secondary_size;
  AuthKind kind;
  bool enabled;
  bool iot_edge;

  char* text() { return reinterpret_cast<char*>(this + 1); }
  const char* text() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view device() const { return {text(), device_size}; }
  std::string_view module_id() const { return {text() + device_size, module_size}; }
  ByteView primary() const { return as_bytes({text() + device_size + module_size, primary_size}); }
  ByteView secondary() const {
    return as_bytes({text() + device_size + module_size + primary_size, secondary_size});
  }
  std::size_t size() const {
    return sizeof(Record) + device_size + module_size + primary_size + secondary_size;
  }
};
static_assert(iothub::kIdSizeMax <= UINT8_MAX && kKeySizeMax <= UINT8_MAX);

struct Wiping {
  void operator()(Record* record) const {
    wipe({reinterpret_cast<std::byte*>(record), record->size()});
    ::operator delete(record);
  }
};
using Owned = std::unique_ptr<Record, Wiping>;

Owned make_record(std::uint32_t hub, std::uint64_t hash, const iothub::Identity& id,
                  const IdentityAuth& auth) {
  const std::string_view parts[] = {id.device(), id.module_id(), as_text(auth.primary.view()),
                                    as_text(auth.secondary.view())};
  std::size_t size = sizeof(Record);
  for (const std::string_view part : parts) size += part.size();
  auto* record = new (::operator new(size)) Record{
      .generation = auth.generation_id,
      .hash = static_cast<std::uint32_t>(hash >> 32U),
      .hub = hub,
      .device_size = static_cast<std::uint8_t>(parts[0].size()),
      .module_size = static_cast<std::uint8_t>(parts[1].size()),
      .primary_size = static_cast<std::uint8_t>(parts[2].size()),
      .secondary_size = static_cast<std::uint8_t>(parts[3].size()),
      .kind = auth.kind,
      .enabled = auth.enabled,
      .iot_edge = auth.iot_edge,
  };
  char* at = record->text();
  for (const std::string_view part : parts) at = std::ranges::copy(part, at).out;
  return Owned(record);
}

struct Key {
  std::uint32_t hub;
  std::string_view device;
  std::string_view module_id;

  explicit Key(std::uint32_t number, const iothub::Identity& id)
      : hub(number), device(id.device()), module_id(id.module_id()) {}
  std::uint64_t hash() const { return hash_of(hub, device, module_id); }
  bool names(const Record& record) const {
    return record.hub == hub && record.device() == device && record.module_id() == module_id;
  }
};

}  // namespace

// A hash table with linear probing, so that a record costs one pointer beside its block.
struct IdentityIndex::Shard {
  mutable std::shared_mutex mutex;
  std::vector<Owned> table{kTableSizeMin};
  std::size_t used = 0;

  std::size_t home(std::uint32_t hash) const { return hash & (table.size() - 1); }
  std::size_t next(std::size_t at) const { return (at + 1) & (table.size() - 1); }

  // Where the record is, or where it would be.
  std::size_t slot(const Key& key, std::uint64_t hash) const {
    const auto short_hash = static_cast<std::uint32_t>(hash >> 32U);
    std::size_t at = home(short_hash);
    while (table[at] && !(table[at]->hash == short_hash && key.names(*table[at]))) at = next(at);
    return at;
  }
  void put(const Key& key, std::uint64_t hash, Owned record) {
    const std::size_t at = slot(key, hash);
    const bool added = table[at] == nullptr;
    table[at] = std::move(record);
    if (!added || ++used * 4 <= table.size() * 3) return;
    std::vector<Owned> old(table.size() * 2);
    old.swap(table);
    for (Owned& each : old) {
      if (!each) continue;
      std::size_t to = home(each->hash);
      while (table[to]) to = next(to);
      table[to] = std::move(each);
    }
  }
  // Moves back what had to stand further on because of the one that goes.
  void erase(std::size_t at) {
    if (!table[at]) return;
    table[at].reset();
    --used;
    for (std::size_t from = next(at); table[from]; from = next(from)) {
      const std::size_t wanted = home(table[from]->hash);
      const bool stays = at <= from ? at < wanted && wanted <= from : at < wanted || wanted <= from;
      if (stays) continue;
      table[at] = std::move(table[from]);
      at = from;
    }
  }
};

struct IdentityIndex::Hubs {
  struct Entry {
    std::shared_ptr<const HubAuth> auth;
    std::uint32_t number = 0;  // never given twice
  };
  mutable std::shared_mutex mutex;
  std::unordered_map<std::string, Entry> by_name;
  std::unordered_map<std::string, std::string> by_alias;  // to the name
  std::uint32_t last_number = 0;

  std::optional<std::uint32_t> number(const iothub::HubName& name) const {
    const std::shared_lock lock(mutex);
    const auto found = by_name.find(name.text());
    if (found == by_name.end()) return std::nullopt;
    return found->second.number;
  }
  void forget_aliases(const std::string& name) {
    std::erase_if(by_alias, [&](const auto& each) { return each.second == name; });
  }
};

Credential::Credential(ByteView bytes) : size_(static_cast<std::uint8_t>(bytes.size())) {
  PAVISE_CHECK(bytes.size() <= bytes_.size());
  std::ranges::copy(bytes, bytes_.begin());
}

const PolicyAuth* HubAuth::policy(std::string_view name) const {
  const auto found = std::ranges::find(policies, name, &PolicyAuth::name);
  return found == policies.end() ? nullptr : &*found;
}

IdentityIndex::IdentityIndex()
    : shards_(std::make_unique<Shard[]>(kShards)), hubs_(std::make_unique<Hubs>()) {}
IdentityIndex::~IdentityIndex() = default;

IdentityIndex::Shard& IdentityIndex::shard_of(std::uint64_t hash) const {
  return shards_[hash & (kShards - 1)];
}

// ---- hubs

std::shared_ptr<const HubAuth> IdentityIndex::hub(const iothub::HubName& name) const {
  const std::shared_lock lock(hubs_->mutex);
  const auto found = hubs_->by_name.find(name.text());
  return found == hubs_->by_name.end() ? nullptr : found->second.auth;
}

std::shared_ptr<const HubAuth> IdentityIndex::hub_by_host(std::string_view host) const {
  const std::string name = ascii_lowered(host.substr(0, host.find(':')));
  const std::shared_lock lock(hubs_->mutex);
  const auto alias = hubs_->by_alias.find(name);
  const auto found = hubs_->by_name.find(
      alias != hubs_->by_alias.end() ? alias->second : name.substr(0, name.find('.')));
  return found == hubs_->by_name.end() ? nullptr : found->second.auth;
}

std::vector<std::shared_ptr<const HubAuth>> IdentityIndex::hubs() const {
  const std::shared_lock lock(hubs_->mutex);
  std::vector<std::shared_ptr<const HubAuth>> out;
  for (const auto& [name, entry] : hubs_->by_name) out.push_back(entry.auth);
  return out;
}

void IdentityIndex::put_hub(std::shared_ptr<const HubAuth> hub) {
  const std::string name = hub->hub.name.text();
  const std::lock_guard lock(hubs_->mutex);
  hubs_->forget_aliases(name);
  for (const std::string& alias : hub->hub.settings.host_aliases) hubs_->by_alias[alias] = name;
  Hubs::Entry& entry = hubs_->by_name[name];
  if (entry.number == 0) entry.number = ++hubs_->last_number;
  entry.auth = std::move(hub);
}

void IdentityIndex::remove_hub(const iothub::HubName& name) {
  std::uint32_t number = 0;
  {
    const std::lock_guard lock(hubs_->mutex);
    const auto found = hubs_->by_name.find(name.text());
    if (found == hubs_->by_name.end()) return;
    number = found->second.number;
    hubs_->by_name.erase(found);
    hubs_->forget_aliases(name.text());
  }
  // Nobody finds them any more; this gives back their memory.
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[i];
    const std::lock_guard lock(shard.mutex);
    // An erased slot may be filled by a later record, so look at it again.
    for (std::size_t at = 0; at < shard.table.size();)
      if (shard.table[at] && shard.table[at]->hub == number)
        shard.erase(at);
      else
        ++at;
  }
}

// ---- identities

std::optional<IdentityAuth> IdentityIndex::find(const iothub::Identity& id) const {
  const auto number = hubs_->number(id.hub());
  if (!number) return std::nullopt;
  const Key key(*number, id);
  const std::uint64_t hash = key.hash();
  const Shard& shard = shard_of(hash);
  const std::shared_lock lock(shard.mutex);
  const Owned& found = shard.table[shard.slot(key, hash)];
  if (!found) return std::nullopt;
  return IdentityAuth{found->kind,
                      found->enabled,
                      found->iot_edge,
                      found->generation,
                      Credential(found->primary()),
                      Credential(found->secondary())};
}

bool IdentityIndex::contains(const iothub::Identity& id) const {
  const auto number = hubs_->number(id.hub());
  if (!number) return false;
  const Key key(*number, id);
  const std::uint64_t hash = key.hash();
  const Shard& shard = shard_of(hash);
  const std::shared_lock lock(shard.mutex);
  return shard.table[shard.slot(key, hash)] != nullptr;
}

void IdentityIndex::put(const iothub::Identity& id, const IdentityAuth& auth) {
  const auto number = hubs_->number(id.hub());
  if (!number) return;  // the hub was removed later in the same group
  const Key key(*number, id);
  const std::uint64_t hash = key.hash();
  Owned record = make_record(*number, hash, id, auth);
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  shard.put(key, hash, std::move(record));
}

void IdentityIndex::remove(const iothub::Identity& id) {
  const auto number = hubs_->number(id.hub());
  if (!number) return;
  const Key key(*number, id);
  const std::uint64_t hash = key.hash();
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  shard.erase(shard.slot(key, hash));
}

std::size_t IdentityIndex::size() const {
  std::size_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::shared_lock lock(shards_[i].mutex);
    out += shards_[i].used;
  }
  return out;
}

std::size_t IdentityIndex::bytes_used() const {
  std::size_t out = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    const Shard& shard = shards_[i];
    const std::shared_lock lock(shard.mutex);
    out += shard.table.capacity() * sizeof(Owned) + kBlockOverhead;
    for (const Owned& each : shard.table)
      if (each) out += ::malloc_usable_size(each.get()) + kBlockOverhead;
  }
  return out;
}

}  // namespace pavise::hub::store
