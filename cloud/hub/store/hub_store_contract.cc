// Hubs, policies, certificates, identities and twins.
#include "cloud/hub/store/hub_store_contract.h"

#include <gmock/gmock.h>

#include <set>

namespace pavise::hub::store {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Tx = HubTransaction;

iothub::HubName hub_name(std::string_view text) {
  return *iothub::HubName::parse(text);
}
iothub::Identity device_id(std::string_view device, std::string_view module_id,
                           std::string_view hub) {
  return *iothub::Identity::make(hub_name(hub), device, module_id);
}
HubRecord make_hub(HubStore& store, std::string_view name) {
  return ask(store,
             [&](Tx& tx) { return tx.create_hub(hub_name(name), *TenantId::parse("tenant"), {}); })
      .value();
}
IdentityRecord make_device(HubStore& store, std::string_view device, std::string_view module_id) {
  return ask(store, [&](Tx& tx) { return tx.create_identity(device_id(device, module_id), {}); })
      .value();
}
MessageToDevice sample_message(std::string_view device) {
  MessageToDevice out{std::string(device), {}, "%24.mid=m1&k=v", 0, FeedbackWanted::none, {}};
  return out;
}

namespace {

std::vector<std::string> ids_of(const std::vector<IdentityRecord>& records) {
  std::vector<std::string> out;
  for (const auto& record : records) out.push_back(record.id.client_id());
  return out;
}

}  // namespace

// ---- hubs

TEST_P(HubStoreContract, AHubComesWithTheFivePoliciesOfIotHub) {
  const HubRecord hub = make_hub(store());
  EXPECT_EQ(hub.created_ms, kTestTime);
  EXPECT_FALSE(hub.etag.empty());
  EXPECT_EQ(hub.settings, HubSettings{});
  reopen();
  const auto policies = run([](Tx& tx) { return tx.policies(hub_name()); });
  ASSERT_TRUE(policies);
  std::map<std::string, int> rights;
  std::set<std::string> keys;
  for (const PolicyRecord& policy : *policies) {
    rights[policy.name] = policy.rights;
    keys.insert({policy.primary_key, policy.secondary_key});
    EXPECT_EQ(from_base64(policy.primary_key)->size(), kGeneratedKeySize);
  }
  EXPECT_EQ(rights, (std::map<std::string, int>{{"device", 8},
                                                {"iothubowner", 15},
                                                {"registryRead", 1},
                                                {"registryReadWrite", 3},
                                                {"service", 4}}));
  EXPECT_THAT(keys, SizeIs(10)) << "no key twice";
}

TEST_P(HubStoreContract, HubSettingsAreKeptAndCheckedByEtag) {
  const HubRecord hub = make_hub(store());
  HubSettings settings{.retention_hours = 168,
                       .retention_bytes_max = 1 << 20,
                       .message_ttl_s = 60,
                       .delivery_count_max = 1,
                       .feedback = {60, 100, 300},
                       .disable_device_sas = true,
                       .disable_module_sas = true,
                       .fault_injection = true,
                       .host_aliases = {"hub.example.com", "other"}};
  const auto changed = run([&](Tx& tx) { return tx.update_hub(hub_name(), settings, hub.etag); });
  ASSERT_TRUE(changed);
  EXPECT_NE(changed->etag, hub.etag);
  EXPECT_TRUE(run([&](Tx& tx) { return tx.update_hub(hub_name(), settings, hub.etag); })
                  .error()
                  .is(kPreconditionFailed));
  reopen();
  EXPECT_EQ(run([](Tx& tx) { return tx.hub(hub_name()); })->settings, settings);
  settings.partition_count = 5;
  EXPECT_TRUE(
      run([&](Tx& tx) { return tx.update_hub(hub_name(), settings, {}); }).error().is(kBadSettings))
      << "fixed once the hub exists";
  EXPECT_TRUE(run([](Tx& tx) { return tx.hub(hub_name("nobody")); }).error().is(kHubNotFound));
}

TEST_P(HubStoreContract, SettingsOutOfRangeAreRefused) {
  const std::function<void(HubSettings&)> bad[] = {
      [](HubSettings& s) { s.partition_count = 0; },
      [](HubSettings& s) { s.partition_count = kPartitionsMax + 1; },
      [](HubSettings& s) { s.retention_hours = 0; },
      [](HubSettings& s) { s.retention_hours = kRetentionHoursMax + 1; },
      [](HubSettings& s) { s.retention_bytes_max = kRetentionBytesMax + 1; },
      [](HubSettings& s) { s.message_ttl_s = kMessageTtlSMin - 1; },
      [](HubSettings& s) { s.message_ttl_s = kMessageTtlSMax + 1; },
      [](HubSettings& s) { s.delivery_count_max = 0; },
      [](HubSettings& s) { s.delivery_count_max = kDeliveryCountMax + 1; },
      [](HubSettings& s) { s.feedback.ttl_s = kMessageTtlSMin - 1; },
      [](HubSettings& s) { s.feedback.ttl_s = kMessageTtlSMax + 1; },
      [](HubSettings& s) { s.feedback.delivery_count_max = 0; },
      [](HubSettings& s) { s.feedback.delivery_count_max = kDeliveryCountMax + 1; },
      [](HubSettings& s) { s.feedback.lock_s = kLockSMin - 1; },
      [](HubSettings& s) { s.feedback.lock_s = kLockSMax + 1; },
      [](HubSettings& s) { s.host_aliases = {"Upper.example"}; },
      [](HubSettings& s) { s.host_aliases = {"a..b"}; },
      [](HubSettings& s) { s.host_aliases = {""}; },
      [](HubSettings& s) { s.host_aliases = {"same", "same"}; },
      [](HubSettings& s) { s.host_aliases = {std::string(kHostAliasSizeMax + 1, 'a')}; },
      [](HubSettings& s) {
        for (std::size_t i = 0; i <= kHostAliasesMax; ++i)
          s.host_aliases.push_back("alias" + std::to_string(i));
      },
  };
  int row = 0;
  for (const auto& spoil : bad) {
    HubSettings settings;
    spoil(settings);
    EXPECT_TRUE(
        run([&](Tx& tx) { return tx.create_hub(hub_name(), *TenantId::parse("tenant"), settings); })
            .error()
            .is(kBadSettings))
        << "row " << row;
    ++row;
  }
  HubSettings widest{.partition_count = kPartitionsMax,
                     .retention_hours = kRetentionHoursMax,
                     .retention_bytes_max = kRetentionBytesMax,
                     .message_ttl_s = kMessageTtlSMax,
                     .delivery_count_max = kDeliveryCountMax,
                     .feedback = {kMessageTtlSMax, kDeliveryCountMax, kLockSMax}};
  for (std::size_t i = 0; i < kHostAliasesMax; ++i)
    widest.host_aliases.push_back("alias" + std::to_string(i));
  EXPECT_TRUE(check_settings(widest));
  EXPECT_TRUE(check_settings({.partition_count = 1,
                              .retention_hours = 1,
                              .message_ttl_s = kMessageTtlSMin,
                              .delivery_count_max = 1,
                              .feedback = {kMessageTtlSMin, 1, kLockSMin}}));
}

TEST_P(HubStoreContract, AHostNameSelectsOneHub) {
  make_hub(store(), "acme");
  make_hub(store(), "zeta");
  const auto alias = [&](std::string_view hub, std::string text) {
    return run([&](Tx& tx) {
      return tx.update_hub(hub_name(hub), {.host_aliases = {std::move(text)}}, {});
    });
  };
  EXPECT_TRUE(alias("acme", "iot.acme.example"));
  EXPECT_TRUE(alias("acme", "iot.acme.example")) << "its own again";
  EXPECT_TRUE(alias("zeta", "iot.acme.example").error().is(kHubExists));
  EXPECT_TRUE(alias("zeta", "acme.example").error().is(kHubExists)) << "would be hub acme";
  EXPECT_TRUE(alias("zeta", "other.example"));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.create_hub(hub_name("other"), *TenantId::parse("tenant"), {}); })
          .error()
          .is(kHubExists));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.create_hub(hub_name("acme"), *TenantId::parse("tenant"), {}); })
          .error()
          .is(kHubExists));
  EXPECT_EQ(store().index().hub_by_host("IOT.acme.Example:8883")->hub.name.text(), "acme");
  EXPECT_EQ(store().index().hub_by_host("other.example")->hub.name.text(), "zeta");
  EXPECT_EQ(store().index().hub_by_host("ZETA.azure-devices.net")->hub.name.text(), "zeta");
  EXPECT_EQ(store().index().hub_by_host("iot.other.example"), nullptr);
  EXPECT_THAT(*run([](Tx& tx) { return tx.hubs(); }), SizeIs(2));
}

TEST_P(HubStoreContract, DeletingAHubTakesAllWithIt) {
  make_hub(store());
  make_device(store());
  ASSERT_TRUE(run([](Tx& tx) { return tx.enqueue_message(hub_name(), sample_message()); }));
  EXPECT_TRUE(run([](Tx& tx) { return tx.delete_hub(hub_name(), "stale"); })
                  .error()
                  .is(kPreconditionFailed));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_hub(hub_name(), {}); }));
  EXPECT_EQ(store().index().size(), 0U);
  EXPECT_EQ(store().index().hub(hub_name()), nullptr);
  make_hub(store());
  EXPECT_FALSE(store().index().contains(device_id())) << "a hub of that name starts empty";
  EXPECT_TRUE(run([](Tx& tx) { return tx.identity(device_id()); }).error().is(kDeviceNotFound));
}

TEST_P(HubStoreContract, Policies) {
  make_hub(store());
  const std::string key = to_base64(Bytes(kKeySizeMin));
  auto made = run([&](Tx& tx) {
    return tx.create_policy(hub_name(), {.name = "mine", .primary_key = key, .rights = 4});
  });
  ASSERT_TRUE(made);
  EXPECT_EQ(made->primary_key, key);
  EXPECT_FALSE(made->secondary_key.empty());
  EXPECT_EQ(store().index().hub(hub_name())->policy("mine")->primary_key, Bytes(kKeySizeMin));
  const auto create = [&](PolicyRecord policy) {
    return run([&](Tx& tx) { return tx.create_policy(hub_name(), policy); });
  };
  EXPECT_TRUE(create({.name = "mine", .rights = 1}).error().is(kPolicyExists));
  EXPECT_TRUE(create({.name = "", .rights = 1}).error().is(kBadPolicy));
  EXPECT_TRUE(create({.name = "a b", .rights = 1}).error().is(kBadPolicy));
  EXPECT_TRUE(create({.name = std::string(kPolicyNameSizeMax + 1, 'a'), .rights = 1})
                  .error()
                  .is(kBadPolicy));
  EXPECT_TRUE(create({.name = "none", .rights = 0}).error().is(kBadPolicy));
  EXPECT_TRUE(create({.name = "more", .rights = 16}).error().is(kBadPolicy));
  for (const std::size_t size : {kKeySizeMin - 1, kKeySizeMax + 1})
    EXPECT_TRUE(create({.name = "key", .primary_key = to_base64(Bytes(size)), .rights = 1})
                    .error()
                    .is(kBadPolicy));
  EXPECT_TRUE(create({.name = std::string(kPolicyNameSizeMax, 'a'),
                      .primary_key = to_base64(Bytes(kKeySizeMax)),
                      .rights = 1}));
  made = run([&](Tx& tx) { return tx.update_policy(hub_name(), {.name = "mine", .rights = 8}); });
  EXPECT_NE(made->primary_key, key) << "generated anew";
  EXPECT_EQ(store().index().hub(hub_name())->policy("mine")->rights, 8);
  for (std::size_t i = 7; i < kPoliciesMax; ++i)
    EXPECT_TRUE(create({.name = "n" + std::to_string(i), .rights = 1}));
  EXPECT_TRUE(create({.name = "last", .rights = 1}).error().is(kTooManyPolicies));
  EXPECT_TRUE(run([&](Tx& tx) { return tx.delete_policy(hub_name(), "mine"); }));
  EXPECT_EQ(store().index().hub(hub_name())->policy("mine"), nullptr);
  EXPECT_TRUE(run([&](Tx& tx) { return tx.delete_policy(hub_name(), "mine"); })
                  .error()
                  .is(kPolicyNotFound));
  EXPECT_TRUE(
      run([&](Tx& tx) { return tx.update_policy(hub_name(), {.name = "mine", .rights = 8}); })
          .error()
          .is(kPolicyNotFound));
}

TEST_P(HubStoreContract, CaCertificatesNeedProofBeforeTheyCount) {
  make_hub(store());
  const CaCertificateRecord given{
      .name = "root", .certificate = to_bytes(as_bytes("der")), .subject = "CN=root"};
  const auto added = run([&](Tx& tx) { return tx.add_ca_certificate(hub_name(), given); });
  ASSERT_TRUE(added);
  EXPECT_THAT(added->thumbprint, SizeIs(64));
  EXPECT_FALSE(added->verified);
  EXPECT_THAT(store().index().hub(hub_name())->ca_certificates, IsEmpty());
  const auto asked =
      run([&](Tx& tx) { return tx.set_ca_nonce(hub_name(), "root", "NONCE-1", added->etag); });
  EXPECT_EQ(asked->nonce, "NONCE-1");
  EXPECT_TRUE(run([&](Tx& tx) { return tx.verify_ca_certificate(hub_name(), "root", added->etag); })
                  .error()
                  .is(kPreconditionFailed));
  const auto proved =
      run([&](Tx& tx) { return tx.verify_ca_certificate(hub_name(), "root", asked->etag); });
  EXPECT_TRUE(proved->verified);
  EXPECT_EQ(proved->nonce, "");
  ASSERT_THAT(store().index().hub(hub_name())->ca_certificates, SizeIs(1));
  EXPECT_EQ(as_text(store().index().hub(hub_name())->ca_certificates[0].certificate), "der");
  reopen();
  EXPECT_THAT(store().index().hub(hub_name())->ca_certificates, SizeIs(1));

  const auto add = [&](CaCertificateRecord record) {
    return run([&](Tx& tx) { return tx.add_ca_certificate(hub_name(), record); });
  };
  EXPECT_TRUE(add(given).error().is(kCertificateExists));
  EXPECT_TRUE(
      add({.name = "again", .certificate = given.certificate}).error().is(kCertificateExists));
  EXPECT_TRUE(add({.name = "", .certificate = Bytes(1)}).error().is(kBadCertificate));
  EXPECT_TRUE(add({.name = "a"}).error().is(kBadCertificate));
  EXPECT_TRUE(add({.name = "a", .certificate = Bytes(kCertificateSizeMax + 1)})
                  .error()
                  .is(kBadCertificate));
  for (std::size_t i = 1; i < kCaCertificatesMax; ++i)
    EXPECT_TRUE(add({.name = "n" + std::to_string(i), .certificate = Bytes(i)}));
  EXPECT_TRUE(add({.name = "last", .certificate = Bytes(99)}).error().is(kTooManyCertificates));
  EXPECT_THAT(*run([](Tx& tx) { return tx.ca_certificates(hub_name()); }),
              SizeIs(kCaCertificatesMax));
  EXPECT_TRUE(run([](Tx& tx) { return tx.delete_ca_certificate(hub_name(), "root", {}); }));
  EXPECT_THAT(store().index().hub(hub_name())->ca_certificates, IsEmpty());
  EXPECT_TRUE(run([](Tx& tx) { return tx.ca_certificate(hub_name(), "root"); })
                  .error()
                  .is(kCertificateNotFound));
}

// ---- identities

TEST_P(HubStoreContract, CreatingADeviceGeneratesWhatIsOmitted) {
  make_hub(store());
  const IdentityRecord made = make_device(store());
  EXPECT_THAT(made.generation_id, SizeIs(18));
  EXPECT_EQ(made.created_ms, kTestTime);
  EXPECT_TRUE(made.fields.enabled);
  EXPECT_EQ(from_base64(made.fields.auth.primary_key)->size(), kGeneratedKeySize);
  EXPECT_NE(made.fields.auth.primary_key, made.fields.auth.secondary_key);
  reopen();
  const auto read = run([](Tx& tx) { return tx.identity(device_id()); });
  ASSERT_TRUE(read);
  EXPECT_EQ(read->etag, made.etag);
  EXPECT_EQ(read->fields, made.fields);
  EXPECT_EQ(read->generation_id, made.generation_id);
  const auto auth = store().index().find(device_id());
  ASSERT_TRUE(auth);
  EXPECT_EQ(to_base64(auth->primary.view()), made.fields.auth.primary_key);
  EXPECT_EQ(std::to_string(auth->generation_id), made.generation_id);
  EXPECT_EQ(auth->kind, AuthKind::sas);
  EXPECT_FALSE(store().index().find(device_id("D1"))) << "ids are case-sensitive";
}

TEST_P(HubStoreContract, EtagRules) {
  make_hub(store());
  const IdentityRecord made = make_device(store());
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.create_identity(device_id(), {}); }).error().is(kDeviceExists));
  const auto update = [&](const IfMatch& if_match, bool enabled = true) {
    return run([&](Tx& tx) {
      return tx.update_identity(device_id(), {.enabled = enabled, .status_reason = "why"},
                                if_match);
    });
  };
  EXPECT_TRUE(update("other").error().is(kPreconditionFailed));
  clock_.advance_ms(5);
  const auto second = update(made.etag);
  ASSERT_TRUE(second);
  EXPECT_NE(second->etag, made.etag);
  EXPECT_EQ(second->status_updated_ms, kTestTime + 5);
  EXPECT_EQ(second->fields.auth, made.fields.auth) << "omitted keys stay";
  EXPECT_EQ(second->generation_id, made.generation_id);
  EXPECT_TRUE(update(made.etag).error().is(kPreconditionFailed));
  EXPECT_TRUE(update({}, false)) << "* is any";
  EXPECT_FALSE(store().index().find(device_id())->enabled);
  EXPECT_TRUE(run([&](Tx& tx) { return tx.delete_identity(device_id(), made.etag); })
                  .error()
                  .is(kPreconditionFailed));
  EXPECT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }));
  EXPECT_FALSE(store().index().contains(device_id()));
  EXPECT_TRUE(update({}).error().is(kDeviceNotFound));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }).error().is(kDeviceNotFound));
  clock_.advance_ms(1);
  const IdentityRecord again = make_device(store());
  EXPECT_NE(again.etag, made.etag);
  EXPECT_NE(again.generation_id, made.generation_id);
}

TEST_P(HubStoreContract, KindsOfAuthentication) {
  make_hub(store());
  const std::string sha1(40, 'a');
  const std::string sha256(64, 'B');
  const auto create = [&](std::string_view id, Authentication auth) {
    return run([&](Tx& tx) { return tx.create_identity(device_id(id), {.auth = auth}); });
  };
  auto made = create("thumb", {.kind = AuthKind::self_signed,
                               .primary_key = "not kept",
                               .primary_thumbprint = sha1,
                               .secondary_thumbprint = sha256});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->fields.auth, (Authentication{.kind = AuthKind::self_signed,
                                               .primary_thumbprint = std::string(40, 'A'),
                                               .secondary_thumbprint = sha256}));
  EXPECT_EQ(store().index().find(device_id("thumb"))->primary.view().size(), 20U);
  EXPECT_EQ(store().index().find(device_id("thumb"))->secondary.view().size(), 32U);
  EXPECT_EQ(run([](Tx& tx) { return tx.identity(device_id("thumb")); })->fields, made->fields);
  EXPECT_TRUE(create("one", {.kind = AuthKind::self_signed, .secondary_thumbprint = sha1}));
  made = create("ca", {.kind = AuthKind::certificate_authority, .primary_thumbprint = sha1});
  EXPECT_EQ(made->fields.auth, (Authentication{.kind = AuthKind::certificate_authority}));
  EXPECT_TRUE(create("none", {.kind = AuthKind::none}));
  EXPECT_TRUE(store().index().find(device_id("none"))->primary.empty());
  EXPECT_TRUE(create("key", {.primary_key = to_base64(Bytes(kKeySizeMax)),
                             .secondary_key = to_base64(Bytes(kKeySizeMin))}));
  const Authentication bad[] = {
      {.primary_key = "!"},
      {.primary_key = to_base64(Bytes(kKeySizeMin - 1))},
      {.secondary_key = to_base64(Bytes(kKeySizeMax + 1))},
      {.kind = AuthKind::self_signed},
      {.kind = AuthKind::self_signed, .primary_thumbprint = std::string(39, 'a')},
      {.kind = AuthKind::self_signed, .primary_thumbprint = std::string(40, 'g')},
      {.kind = AuthKind::attested},
  };
  for (const Authentication& auth : bad) EXPECT_TRUE(create("bad", auth).error().is(kBadIdentity));
}

TEST_P(HubStoreContract, FieldsOfDevicesAndModulesHaveLimits) {
  make_hub(store());
  make_device(store());
  const auto create = [&](std::string_view module_id, IdentityFields fields) {
    return run([&](Tx& tx) {
      const auto id = device_id(module_id.empty() ? "fresh" : "d1", module_id);
      auto made = tx.create_identity(id, fields);
      if (made) PAVISE_CHECK(tx.delete_identity(id, {}).has_value());
      return made;
    });
  };
  const std::string reason(kStatusReasonSizeMax, 'r');
  EXPECT_TRUE(create("", {.status_reason = reason}));
  EXPECT_TRUE(create("", {.status_reason = reason + "r"}).error().is(kBadIdentity));
  EXPECT_TRUE(create("", {.status_reason = "a\nb"}).error().is(kBadIdentity));
  const std::string scope(kScopeSizeMax, 's');
  EXPECT_TRUE(create("", {.device_scope = scope}));
  EXPECT_TRUE(create("", {.device_scope = scope + "s"}).error().is(kBadIdentity));
  EXPECT_TRUE(create("", {.parent_scopes = {scope}}));
  EXPECT_TRUE(create("", {.parent_scopes = {scope + "s"}}).error().is(kBadIdentity));
  EXPECT_TRUE(create("", {.parent_scopes = {"a", "b"}}).error().is(kBadIdentity));
  EXPECT_TRUE(create("", {.managed_by = "iotedge"}).error().is(kBadIdentity));
  const std::string by(kManagedBySizeMax, 'm');
  EXPECT_TRUE(create("m", {.managed_by = by}));
  EXPECT_TRUE(create("m", {.managed_by = by + "m"}).error().is(kBadIdentity));
  EXPECT_TRUE(create("m", {.iot_edge = true}).error().is(kBadIdentity));
  EXPECT_TRUE(create("m", {.device_scope = "s"}).error().is(kBadIdentity));

  const auto edge = create("", {.iot_edge = true});
  ASSERT_TRUE(edge);
  EXPECT_EQ(edge->fields.device_scope, "ms-azure-iot-edge://fresh-" + edge->generation_id);
  const auto leaf = create("", {.device_scope = edge->fields.device_scope});
  EXPECT_THAT(leaf->fields.parent_scopes, ElementsAre(edge->fields.device_scope));
}

TEST_P(HubStoreContract, ModulesBelongToADevice) {
  make_hub(store());
  EXPECT_TRUE(run([](Tx& tx) { return tx.create_identity(device_id("d1", "m"), {}); })
                  .error()
                  .is(kDeviceNotFound));
  make_device(store());
  for (std::size_t i = 0; i < kModulesMax; ++i)
    make_device(store(), "d1", "m" + std::to_string(100 + i));
  EXPECT_TRUE(run([](Tx& tx) { return tx.create_identity(device_id("d1", "more"), {}); })
                  .error()
                  .is(kTooManyModules));
  EXPECT_TRUE(run([](Tx& tx) { return tx.create_identity(device_id("d1", "m100"), {}); })
                  .error()
                  .is(kModuleExists));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.identity(device_id("d1", "x")); }).error().is(kModuleNotFound));
  EXPECT_THAT(*run([](Tx& tx) { return tx.modules(device_id()); }), SizeIs(kModulesMax));
  EXPECT_TRUE(run([](Tx& tx) { return tx.modules(device_id("d2")); }).error().is(kDeviceNotFound));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id("d1", "m100"), {}); }));
  ASSERT_TRUE(
      run([](Tx& tx) { return tx.merge_reported(device_id("d1", "m101"), R"({"a":1})", {}); }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.enqueue_message(hub_name(), sample_message()); }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }));
  EXPECT_EQ(store().index().size(), 0U);
  make_device(store());
  make_device(store(), "d1", "m101");
  EXPECT_EQ(*run([](Tx& tx) { return tx.device_twin(device_id("d1", "m101")); }),
            twin::Twin().device_json())
      << "nothing of the former device is left";
  EXPECT_EQ(*run([](Tx& tx) { return tx.messages_waiting(device_id()); }), 0U);
  const auto counts = run([](Tx& tx) { return tx.count_identities(hub_name()); });
  EXPECT_EQ(counts->devices, 1U);
  EXPECT_EQ(counts->modules, 1U);
}

TEST_P(HubStoreContract, DevicesAreListedInPagesAndCounted) {
  make_hub(store());
  make_hub(store(), "other");
  for (const char* id : {"b", "a", "C", "d"}) make_device(store(), id);
  make_device(store(), "b", "m");
  ASSERT_TRUE(
      run([](Tx& tx) { return tx.update_identity(device_id("a"), {.enabled = false}, {}); }));
  const auto page = [&](std::string after, std::size_t limit) {
    return ids_of(*run([&](Tx& tx) { return tx.devices(hub_name(), {after, limit}); }));
  };
  EXPECT_THAT(page("", 100), ElementsAre("C", "a", "b", "d"));
  EXPECT_THAT(page("", 2), ElementsAre("C", "a"));
  EXPECT_THAT(page("a", 2), ElementsAre("b", "d"));
  EXPECT_THAT(page("d", 2), IsEmpty());
  auto counts = run([](Tx& tx) { return tx.count_identities(hub_name()); });
  EXPECT_EQ(counts->devices, 4U);
  EXPECT_EQ(counts->enabled, 3U);
  EXPECT_EQ(counts->disabled, 1U);
  EXPECT_EQ(counts->modules, 1U);
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id("a"), {}); }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id("b"), {}); }));
  counts = run([](Tx& tx) { return tx.count_identities(hub_name()); });
  EXPECT_EQ(counts->devices, 2U);
  EXPECT_EQ(counts->enabled, 2U);
  EXPECT_EQ(counts->modules, 0U);
  EXPECT_EQ(run([](Tx& tx) { return tx.count_identities(hub_name("other")); })->devices, 0U);
}

TEST_P(HubStoreContract, AnAttestedDeviceNeedsNoEntryByHand) {
  make_hub(store());
  const std::string id(DeviceId::kLength, 'a');
  const auto made = run([&](Tx& tx) { return tx.ensure_attested(device_id(id)); });
  ASSERT_TRUE(made);
  EXPECT_EQ(made->fields.auth.kind, AuthKind::attested);
  EXPECT_EQ(store().index().find(device_id(id))->kind, AuthKind::attested);
  const auto again = run([&](Tx& tx) { return tx.ensure_attested(device_id(id)); });
  EXPECT_EQ(again->etag, made->etag);
  const auto keyed = make_device(store(), std::string(DeviceId::kLength, 'b'));
  EXPECT_EQ(run([&](Tx& tx) { return tx.ensure_attested(keyed.id); })->fields, keyed.fields);
}

TEST_P(HubStoreContract, ActivityChangesNoEtag) {
  make_hub(store());
  const IdentityRecord made = make_device(store());
  const Activity activities[] = {{device_id(), 7, 9}, {device_id("nobody"), 1, 1}};
  ASSERT_TRUE(run([&](Tx& tx) { return tx.note_activity(activities); }));
  const Activity later[] = {{device_id(), 0, 11}};
  ASSERT_TRUE(run([&](Tx& tx) { return tx.note_activity(later); }));
  const auto read = run([](Tx& tx) { return tx.identity(device_id()); });
  EXPECT_EQ(read->connection_updated_ms, 7);
  EXPECT_EQ(read->last_activity_ms, 11);
  EXPECT_EQ(read->etag, made.etag);
}

// ---- twins

TEST_P(HubStoreContract, TwinsFromBothSides) {
  make_hub(store());
  make_device(store());
  make_device(store(), "d1", "m");
  EXPECT_EQ(*run([](Tx& tx) { return tx.device_twin(device_id()); }), twin::Twin().device_json());
  EXPECT_EQ(*run([](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", {}); }), 2U);
  EXPECT_TRUE(run([](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", 1); })
                  .error()
                  .is(twin::kVersionMismatch));
  const auto changed = run([](Tx& tx) {
    return tx.change_twin(device_id(), R"({"tags":{"t":1},"properties":{"desired":{"y":2}}})",
                          TwinChangeKind::merge, "AAAAAAAAAAE=");
  });
  ASSERT_TRUE(changed) << changed.error().message();
  EXPECT_EQ(changed->desired_version, 2U);
  EXPECT_EQ(changed->desired_notification, R"({"y":2,"$version":2})");
  EXPECT_EQ(changed->twin.etag, "AAAAAAAAAAI=");
  EXPECT_EQ(changed->twin.version, 3U);
  EXPECT_EQ(changed->twin.tags_json, R"({"t":1})");
  EXPECT_THAT(changed->twin.desired_json, testing::HasSubstr("2023-11-14T22:13:20.000Z"));
  EXPECT_TRUE(run([](Tx& tx) {
                return tx.change_twin(device_id(), "{}", TwinChangeKind::replace, "AAAAAAAAAAE=");
              })
                  .error()
                  .is(kPreconditionFailed));
  EXPECT_TRUE(run([](Tx& tx) {
                return tx.change_twin(device_id(), R"({"tags":{"a.b":1}})", TwinChangeKind::merge,
                                      {});
              })
                  .error()
                  .is(twin::kBadKey));
  reopen();
  EXPECT_EQ(*run([](Tx& tx) { return tx.device_twin(device_id()); }),
            R"({"desired":{"y":2,"$version":2},"reported":{"x":1,"$version":2}})");
  EXPECT_EQ(*run([](Tx& tx) { return tx.device_twin(device_id("d1", "m")); }),
            twin::Twin().device_json())
      << "a module's twin is its own";
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.device_twin(device_id("no")); }).error().is(kDeviceNotFound));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.twin(device_id("d1", "no")); }).error().is(kModuleNotFound));
}

TEST_P(HubStoreContract, TwinsAreListedForQueries) {
  make_hub(store());
  for (const char* id : {"a", "b", "c"}) {
    make_device(store(), id);
    make_device(store(), id, "m");
    make_device(store(), id, "n");
  }
  ASSERT_TRUE(run([](Tx& tx) { return tx.merge_reported(device_id("b"), R"({"x":1})", {}); }));
  const auto list = [&](bool of_modules, std::string after, std::size_t limit) {
    std::vector<std::string> out;
    EXPECT_TRUE(store().read([&](HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(const auto twins, reader.twins(hub_name(), of_modules, {after, limit}));
      for (const TwinRecord& twin : twins) out.push_back(twin.identity.id.client_id());
      return {};
    }));
    return out;
  };
  EXPECT_THAT(list(false, "", 10), ElementsAre("a", "b", "c"));
  EXPECT_THAT(list(false, "a", 1), ElementsAre("b"));
  EXPECT_THAT(list(true, "", 3), ElementsAre("a/m", "a/n", "b/m"));
  EXPECT_THAT(list(true, "b/m", 10), ElementsAre("b/n", "c/m", "c/n"));
  EXPECT_THAT(run([](Tx& tx) { return tx.twin(device_id("b")); })->reported_json,
              testing::HasSubstr(R"("x":1)"));
}

TEST_P(HubStoreContract, AnImportedTwinDoesNotReplaceOne) {
  make_hub(store());
  make_device(store());
  constexpr std::string_view old = R"({"desired":{"y":2,"$version":4},"reported":{"$version":1}})";
  ASSERT_TRUE(run([&](Tx& tx) { return tx.import_twin(device_id(), old); }));
  EXPECT_EQ(*run([](Tx& tx) { return tx.device_twin(device_id()); }), old);
  ASSERT_TRUE(run([](Tx& tx) { return tx.merge_reported(device_id(), R"({"x":1})", {}); }));
  ASSERT_TRUE(run([&](Tx& tx) { return tx.import_twin(device_id(), old); }));
  EXPECT_THAT(*run([](Tx& tx) { return tx.device_twin(device_id()); }),
              testing::HasSubstr(R"("x":1)"));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.import_twin(device_id(), "{}"); }).error().is(twin::kCorruptTwin));
}

// ---- groups

TEST_P(HubStoreContract, OperationsOfAGroupAreIndependent) {
  make_hub(store());
  std::vector<HubStore::Operation> group;
  const auto create = [](std::string_view id) {
    return [id](Tx& tx) -> Status {
      PAVISE_TRY(tx.create_identity(device_id(id), {}));
      return {};
    };
  };
  group.emplace_back(create("a"));
  group.emplace_back(create("a"));
  group.emplace_back([](Tx& tx) -> Status {  // writes, then fails
    PAVISE_TRY(tx.create_identity(device_id("b"), {}));
    return kBadJob;
  });
  group.emplace_back([](Tx& tx) -> Status {  // goes on after a refusal
    EXPECT_TRUE(tx.create_identity(device_id("a"), {}).error().is(kDeviceExists));
    EXPECT_TRUE(tx.identity(device_id("b")).error().is(kDeviceNotFound));
    PAVISE_TRY(tx.create_identity(device_id("c"), {}));
    return {};
  });
  const auto outcome = store().execute(group);
  ASSERT_THAT(outcome, SizeIs(4));
  EXPECT_TRUE(outcome[0]);
  EXPECT_TRUE(outcome[1].error().is(kDeviceExists));
  EXPECT_TRUE(outcome[2].error().is(kBadJob));
  EXPECT_TRUE(outcome[3]);
  EXPECT_TRUE(store().index().contains(device_id("a")));
  EXPECT_FALSE(store().index().contains(device_id("b"))) << "the index follows the commit";
  EXPECT_TRUE(store().index().contains(device_id("c")));
  EXPECT_THAT(store().execute(std::span<const HubStore::Operation>{}), IsEmpty());
  reopen();
  EXPECT_EQ(store().index().size(), 2U);
}

}  // namespace pavise::hub::store
