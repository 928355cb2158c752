// Devices and modules.
#include <gmock/gmock.h>

#include "cloud/hub/store/hub_store_contract.h"

namespace pavise::hub::store {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Tx = HubTransaction;

namespace {

std::vector<std::string> ids_of(const std::vector<IdentityRecord>& records) {
  std::vector<std::string> out;
  for (const auto& record : records) out.push_back(record.id.client_id());
  return out;
}

}  // namespace

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

TEST_P(HubStoreContract, AnAttemptIsUndoneAndTheOperationGoesOn) {
  make_hub(store());
  make_device(store(), "there");
  ASSERT_TRUE(run([](Tx& tx) -> Result<int> {
    PAVISE_TRY(tx.attempt([&]() -> Status {
      PAVISE_TRY(tx.create_identity(device_id("a"), {}));
      return {};
    }));
    const Status half = tx.attempt([&]() -> Status {
      PAVISE_TRY(tx.create_identity(device_id("b"), {}));
      PAVISE_TRY(tx.delete_identity(device_id("there"), {}));
      PAVISE_TRY(tx.create_identity(device_id("a"), {}));
      return {};
    });
    EXPECT_TRUE(half.error().is(kDeviceExists));
    PAVISE_TRY(tx.create_identity(device_id("c"), {}));
    return 0;
  }));
  const auto devices = run([](Tx& tx) { return tx.devices(hub_name(), {}); });
  std::vector<std::string> ids;
  for (const IdentityRecord& each : *devices) ids.push_back(each.id.device());
  EXPECT_THAT(ids, ElementsAre("a", "c", "there"));
  EXPECT_EQ(run([](Tx& tx) { return tx.count_identities(hub_name()); })->devices, 3U);
  EXPECT_FALSE(store().index().find(device_id("b"))) << "the index follows";
  EXPECT_TRUE(store().index().find(device_id("there")));
  EXPECT_TRUE(store().index().find(device_id("c")));
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
  std::string scope(kScopePrefix);
  scope.resize(kScopeSizeMax, 's');
  EXPECT_TRUE(create("", {.device_scope = scope}));
  EXPECT_TRUE(create("", {.device_scope = scope + "s"}).error().is(kBadIdentity));
  EXPECT_TRUE(create("", {.parent_scopes = {scope}}));
  EXPECT_TRUE(create("", {.parent_scopes = {scope + "s"}}).error().is(kBadIdentity));
  EXPECT_TRUE(create("", {.parent_scopes = {scope, scope}}).error().is(kBadIdentity));
  for (const std::string& no_scope : {std::string(kScopePrefix), std::string("a"), "a" + scope}) {
    EXPECT_TRUE(create("", {.device_scope = no_scope}).error().is(kBadIdentity)) << no_scope;
    EXPECT_TRUE(create("", {.parent_scopes = {no_scope}}).error().is(kBadIdentity)) << no_scope;
  }
  EXPECT_TRUE(create("", {.managed_by = "iotedge"}).error().is(kBadIdentity));
  const std::string by(kManagedBySizeMax, 'm');
  EXPECT_TRUE(create("m", {.managed_by = by}));
  EXPECT_TRUE(create("m", {.managed_by = by + "m"}).error().is(kBadIdentity));
  EXPECT_TRUE(create("m", {.iot_edge = true}).error().is(kBadIdentity));
  EXPECT_TRUE(create("m", {.device_scope = scope}).error().is(kBadIdentity));

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
  EXPECT_THAT(*run([](Tx& tx) { return tx.delete_identity(device_id("d1", "m100"), {}); }),
              ElementsAre(device_id("d1", "m100")));
  ASSERT_TRUE(
      run([](Tx& tx) { return tx.merge_reported(device_id("d1", "m101"), R"({"a":1})", {}); }));
  ASSERT_TRUE(run([](Tx& tx) { return tx.enqueue_message(hub_name(), sample_message()); }));
  const auto removed = run([](Tx& tx) { return tx.delete_identity(device_id(), {}); });
  ASSERT_TRUE(removed);
  EXPECT_THAT(*removed, SizeIs(kModulesMax)) << "the device and 49 modules";
  EXPECT_THAT(*removed, Contains(device_id()));
  EXPECT_THAT(*removed, Contains(device_id("d1", "m101")));
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

TEST_P(HubStoreContract, AnAttestedDeviceStaysAttested) {
  make_hub(store());
  const auto id = device_id(std::string(DeviceId::kLength, 'a'));
  ASSERT_TRUE(run([&](Tx& tx) { return tx.ensure_attested(id); }));
  const auto update = [&](const Authentication& auth) {
    return run([&](Tx& tx) {
      return tx.update_identity(id, {.enabled = false, .status_reason = "lost", .auth = auth}, {});
    });
  };
  const Authentication kept[] = {
      {.given = false}, {.kind = AuthKind::certificate_authority}, {.kind = AuthKind::attested}};
  for (const Authentication& auth : kept) {
    const auto written = update(auth);
    ASSERT_TRUE(written) << static_cast<int>(auth.kind);
    EXPECT_EQ(written->fields.auth, (Authentication{.kind = AuthKind::attested}));
    EXPECT_FALSE(written->fields.enabled);
    EXPECT_EQ(run([&](Tx& tx) { return tx.identity(id); })->fields, written->fields);
    EXPECT_EQ(store().index().find(id)->kind, AuthKind::attested);
  }
  const Authentication refused[] = {
      {},
      {.kind = AuthKind::none},
      {.kind = AuthKind::self_signed, .primary_thumbprint = std::string(40, 'a')}};
  for (const Authentication& auth : refused)
    EXPECT_TRUE(update(auth).error().is(kBadIdentity)) << static_cast<int>(auth.kind);
  EXPECT_EQ(store().index().find(id)->kind, AuthKind::attested);
  const auto said_nothing =
      run([](Tx& tx) { return tx.create_identity(device_id("new"), {.auth = {.given = false}}); });
  ASSERT_TRUE(said_nothing);
  EXPECT_EQ(said_nothing->fields.auth.kind, AuthKind::sas) << "as in IoT Hub";
  EXPECT_TRUE(said_nothing->fields.auth.given);
}

TEST_P(HubStoreContract, KeepsSubscriptionsWithTheIdentity) {
  make_hub(store());
  const IdentityRecord made = make_device(store());
  const auto keep = [&](const iothub::Identity& id, std::uint8_t subscriptions) {
    return run([&](Tx& tx) { return tx.keep_subscriptions({id, subscriptions}); });
  };
  const auto kept = [&] { return *run([](Tx& tx) { return tx.kept_subscriptions(); }); };
  EXPECT_TRUE(kept().empty());
  ASSERT_TRUE(keep(device_id(), 5));
  ASSERT_TRUE(keep(device_id("nobody"), 5));
  EXPECT_EQ(kept(), (std::vector<KeptSubscriptions>{{device_id(), 5}}));
  ASSERT_TRUE(keep(device_id(), 255));
  EXPECT_EQ(kept(), (std::vector<KeptSubscriptions>{{device_id(), 255}}));
  EXPECT_EQ(run([](Tx& tx) { return tx.identity(device_id()); })->etag, made.etag);
  ASSERT_TRUE(keep(device_id(), 0));
  EXPECT_TRUE(kept().empty());
  ASSERT_TRUE(keep(device_id(), 1));
  ASSERT_TRUE(run([](Tx& tx) { return tx.delete_identity(device_id(), {}); }));
  make_device(store());
  EXPECT_TRUE(kept().empty()) << "another device of that name listens to nothing yet";
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

}  // namespace pavise::hub::store
