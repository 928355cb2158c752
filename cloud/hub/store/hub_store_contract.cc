// Hubs, policies, certificates, twins and groups of operations.
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

TEST_P(HubStoreContract, ATenantHasAMaximumOfHubs) {
  const TenantId tenant = *TenantId::parse("tenant");
  const auto create = [&](const iothub::HubName& name, const TenantId& of) {
    return run([&](Tx& tx) { return tx.create_hub(name, of, {}); });
  };
  ASSERT_TRUE(run([&](Tx& tx) -> Status {
    for (std::size_t i = 1; i < kHubsMax; ++i)
      PAVISE_TRY(tx.create_hub(hub_name("plant-" + std::to_string(i)), tenant, {}));
    return {};
  }));
  EXPECT_TRUE(create(hub_name("last"), tenant));
  EXPECT_TRUE(create(hub_name("more"), tenant).error().is(kTooManyHubs));
  EXPECT_TRUE(create(iothub::HubName::of_tenant(tenant), tenant)) << "that of attested devices";
  EXPECT_TRUE(create(hub_name("more"), tenant).error().is(kTooManyHubs));
  EXPECT_TRUE(create(hub_name("more"), *TenantId::parse("other"))) << "another tenant";
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_hub(hub_name("last"), {}); }));
  EXPECT_TRUE(create(hub_name("again"), tenant));
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
                       .file_upload = {.enabled = true,
                                       .notifications = true,
                                       .sas_ttl_s = 61,
                                       .notification = {61, 2, 6},
                                       .file_bytes_max = 3,
                                       .device_bytes_max = 4,
                                       .hub_bytes_max = kFilesBytesMax},
                       .host_aliases = {"other", "hub.example.com"}};
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
      [](HubSettings& s) { s.event_sources = kAllEventSources + 1; },
      [](HubSettings& s) { s.file_upload.sas_ttl_s = kUploadTtlSMin - 1; },
      [](HubSettings& s) { s.file_upload.sas_ttl_s = kUploadTtlSMax + 1; },
      [](HubSettings& s) { s.file_upload.notification.ttl_s = kMessageTtlSMin - 1; },
      [](HubSettings& s) { s.file_upload.notification.ttl_s = kMessageTtlSMax + 1; },
      [](HubSettings& s) { s.file_upload.notification.delivery_count_max = 0; },
      [](HubSettings& s) { s.file_upload.notification.delivery_count_max = kDeliveryCountMax + 1; },
      [](HubSettings& s) { s.file_upload.notification.lock_s = kLockSMin - 1; },
      [](HubSettings& s) { s.file_upload.notification.lock_s = kLockSMax + 1; },
      [](HubSettings& s) { s.file_upload.file_bytes_max = 0; },
      [](HubSettings& s) { s.file_upload.file_bytes_max = kFileBytesMax + 1; },
      [](HubSettings& s) { s.file_upload.device_bytes_max = 0; },
      [](HubSettings& s) { s.file_upload.device_bytes_max = kFilesBytesMax + 1; },
      [](HubSettings& s) { s.file_upload.hub_bytes_max = 0; },
      [](HubSettings& s) { s.file_upload.hub_bytes_max = kFilesBytesMax + 1; },
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
  HubSettings widest{
      .partition_count = kPartitionsMax,
      .retention_hours = kRetentionHoursMax,
      .retention_bytes_max = kRetentionBytesMax,
      .message_ttl_s = kMessageTtlSMax,
      .delivery_count_max = kDeliveryCountMax,
      .feedback = {kMessageTtlSMax, kDeliveryCountMax, kLockSMax},
      .event_sources = kAllEventSources,
      .file_upload = {.sas_ttl_s = kUploadTtlSMax,
                      .notification = {kMessageTtlSMax, kDeliveryCountMax, kLockSMax},
                      .file_bytes_max = kFileBytesMax,
                      .device_bytes_max = kFilesBytesMax,
                      .hub_bytes_max = kFilesBytesMax}};
  for (std::size_t i = 0; i < kHostAliasesMax; ++i)
    widest.host_aliases.push_back("alias" + std::to_string(i));
  EXPECT_TRUE(check_settings(widest));
  EXPECT_TRUE(check_settings({.partition_count = 1,
                              .retention_hours = 1,
                              .message_ttl_s = kMessageTtlSMin,
                              .delivery_count_max = 1,
                              .feedback = {kMessageTtlSMin, 1, kLockSMin},
                              .file_upload = {.sas_ttl_s = kUploadTtlSMin,
                                              .notification = {kMessageTtlSMin, 1, kLockSMin},
                                              .file_bytes_max = 1,
                                              .device_bytes_max = 1,
                                              .hub_bytes_max = 1}}));
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

TEST_P(HubStoreContract, ConfigurationsWriteTwins) {
  make_hub(store());
  make_device(store());
  const auto configure = [&](const TwinSettings& settings) {
    return run([&](Tx& tx) { return tx.configure_twin(device_id(), settings); });
  };
  const auto made = configure({R"({"fan":1})", R"({"c":{"status":"Applied"}})", R"({"fan":1})"});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->desired_notification, R"({"fan":1,"$version":2})");
  EXPECT_EQ(made->desired_version, 2U);
  const auto noted = configure({"", R"({"c":{"status":"Targeted"}})", "{}"});
  EXPECT_EQ(noted->desired_notification, "");
  EXPECT_EQ(noted->twin.etag, made->twin.etag);
  reopen();
  const auto twin = run([](Tx& tx) { return tx.twin(device_id()); });
  EXPECT_EQ(twin->configurations_json, R"({"c":{"status":"Targeted"}})");
  EXPECT_EQ(twin->configured_json, "{}");
  EXPECT_TRUE(run([](Tx& tx) { return tx.configure_twin(device_id("none"), {"", "{}", "{}"}); })
                  .error()
                  .is(kDeviceNotFound));
}

TEST_P(HubStoreContract, TheWatcherHearsWhatWasCommitted) {
  make_hub(store());
  std::string heard;
  store().watch([&](const Touched& touched) {
    for (const auto& id : touched.twins) heard += id.client_id() + " ";
    for (const auto& hub : touched.configurations) heard += "hub:" + hub.text() + " ";
  });
  const auto told = [&] { return std::exchange(heard, {}); };
  make_device(store());
  EXPECT_EQ(told(), "d1 ");
  ASSERT_TRUE(run([](Tx& tx) { return tx.merge_reported(device_id(), R"({"a":1})", {}); }));
  EXPECT_EQ(told(), "d1 ");
  ASSERT_TRUE(run([](Tx& tx) {
    return tx.change_twin(device_id(), R"({"tags":{"a":1}})", TwinChangeKind::merge, {});
  }));
  EXPECT_EQ(told(), "d1 ");
  ASSERT_TRUE(run([](Tx& tx) { return tx.configure_twin(device_id(), {"", "{}", "{}"}); }));
  EXPECT_EQ(told(), "") << "configurations look at their own writes themselves";
  ASSERT_FALSE(run([](Tx& tx) -> Result<int> {
    PAVISE_TRY(tx.merge_reported(device_id(), R"({"a":2})", {}));
    return kStoreFailed;
  }));
  EXPECT_EQ(told(), "") << "nothing was committed";
  ASSERT_TRUE(run([](Tx& tx) { return tx.create_configuration(hub_name(), {.id = "c"}); }));
  EXPECT_EQ(told(), "hub:acme ");
  ASSERT_TRUE(run([](Tx& tx) { return tx.update_configuration(hub_name(), {.id = "c"}, {}); }));
  EXPECT_EQ(told(), "hub:acme ");
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_configuration(hub_name(), "c", {}); }));
  EXPECT_EQ(told(), "hub:acme ");
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_hub(hub_name(), {}); }));
  EXPECT_EQ(told(), "hub:acme ");
  store().watch({});
  make_hub(store());
  make_device(store());
  EXPECT_EQ(told(), "");
}

}  // namespace pavise::hub::store
