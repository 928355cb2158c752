// The audit of a hub.
#include <gmock/gmock.h>

#include "cloud/hub/store/hub_store_contract.h"

namespace pavise::hub::store {

using testing::ElementsAre;
using testing::IsEmpty;
using Tx = HubTransaction;

namespace {

ActRecord act(std::string subject, std::string detail = {}) {
  return {.at_ms = kTestTime,
          .actor = "policy writer",
          .peer = "192.0.2.1:4711",
          .action = "device.create",
          .subject = std::move(subject),
          .detail = std::move(detail)};
}

}  // namespace

TEST_P(HubStoreContract, ActsAreKeptInTheirOrderHubByHub) {
  make_hub(store());
  make_hub(store(), "other");
  const auto note = [&](std::string_view hub, const ActRecord& given) {
    return store().execute([&](Tx& tx) { return tx.note_act(hub_name(hub), given); });
  };
  const auto subjects = [&](std::uint64_t before, std::size_t limit) {
    std::vector<std::string> out;
    for (const ActRecord& each : *run([&](Tx& tx) { return tx.acts(hub_name(), before, limit); }))
      out.push_back(std::to_string(each.number) + " " + each.subject);
    return out;
  };
  EXPECT_THAT(subjects(0, 10), IsEmpty());
  ASSERT_TRUE(note("acme", act("a", "enabled")));
  ASSERT_TRUE(note("other", act("not here")));
  ASSERT_TRUE(note("acme", act("b")));
  ASSERT_TRUE(note("acme", act("c")));
  reopen();
  EXPECT_THAT(subjects(0, 10), ElementsAre("3 c", "2 b", "1 a"));
  EXPECT_THAT(subjects(0, 2), ElementsAre("3 c", "2 b"));
  EXPECT_THAT(subjects(2, 2), ElementsAre("1 a"));
  EXPECT_THAT(subjects(UINT64_MAX, 1), ElementsAre("3 c"));
  const ActRecord first = run([](Tx& tx) { return tx.acts(hub_name(), 2, 1); })->at(0);
  EXPECT_EQ(first.at_ms, kTestTime);
  EXPECT_EQ(first.actor, "policy writer");
  EXPECT_EQ(first.peer, "192.0.2.1:4711");
  EXPECT_EQ(first.action, "device.create");
  EXPECT_EQ(first.detail, "enabled");
  EXPECT_TRUE(note("nowhere", act("x")).error().is(kHubNotFound));
  EXPECT_TRUE(
      run([](Tx& tx) { return tx.acts(hub_name("nowhere"), 0, 1); }).error().is(kHubNotFound));

  // A hub takes its acts with it; one of the same name begins anew.
  ASSERT_TRUE(store().execute([](Tx& tx) { return tx.delete_hub(hub_name(), {}); }));
  make_hub(store());
  EXPECT_THAT(subjects(0, 10), IsEmpty());
}

TEST_P(HubStoreContract, AnActIsKeptExactlyWhenItHappened) {
  make_hub(store());
  const auto create = [&](const IfMatch& also_delete) {
    return store().execute([&](Tx& tx) -> Status {
      PAVISE_TRY(tx.create_identity(device_id(), {}));
      PAVISE_TRY(tx.note_act(hub_name(), act("d1")));
      if (also_delete) PAVISE_TRY(tx.delete_identity(device_id(), also_delete));
      return {};
    });
  };
  EXPECT_TRUE(create("another etag").error().is(kPreconditionFailed));
  EXPECT_THAT(*run([](Tx& tx) { return tx.acts(hub_name(), 0, 10); }), IsEmpty());
  EXPECT_TRUE(create({}));
  EXPECT_TRUE(create({}).error().is(kDeviceExists));
  EXPECT_EQ(run([](Tx& tx) { return tx.acts(hub_name(), 0, 10); })->size(), 1U);
}

TEST_P(HubStoreContract, TextsOfAnActAreCutOffAtACharacter) {
  make_hub(store());
  const std::string longest(kActTextMax, 'x');
  const std::string half = std::string(kActTextMax - 1, 'x') + "\xc3\xa9";
  for (const std::string& given : {longest, longest + "y", half})
    ASSERT_TRUE(store().execute([&](Tx& tx) { return tx.note_act(hub_name(), act(given)); }));
  const auto kept = *run([](Tx& tx) { return tx.acts(hub_name(), 0, 10); });
  EXPECT_EQ(kept.at(2).subject, longest);
  EXPECT_EQ(kept.at(1).subject, longest);
  EXPECT_EQ(kept.at(0).subject, std::string(kActTextMax - 1, 'x'));
}

}  // namespace pavise::hub::store
