#include "protocol/release/reference_set.h"

#include <gtest/gtest.h>

#include <string>

namespace pavise::release {
namespace {

std::string hex(std::string_view text) {
  return to_hex(crypto::sha256(as_bytes(text)));
}
Digest256 chain(std::initializer_list<std::string_view> texts) {
  Digest256 pcr{};
  for (const std::string_view text : texts)
    pcr = crypto::sha256({ByteView(pcr), ByteView(crypto::sha256(as_bytes(text)))});
  return pcr;
}
std::string pcr_row(unsigned pcr, const Digest256& digest) {
  return R"({"pcr":)" + std::to_string(pcr) + R"(,"digest":")" + to_hex(digest) + R"("})";
}
std::string event_row(unsigned pcr, std::string_view text) {
  return R"({"pcr":)" + std::to_string(pcr) + R"(,"digest":")" + hex(text) +
         R"(","component":"kernel","name":".linux section"})";
}
std::string repeat(const std::string& row, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + row;
  return out;
}

// The members of a release, each replaceable.
struct Json {
  std::string profile = R"("profile":"pavise-release-1")";
  std::string name = R"("name":"pavise-os")";
  std::string version = R"("version":"0.1.0")";
  std::string epoch = R"("security_epoch":1)";
  std::string created = R"("created":"2026-11-22T00:00:00Z")";
  std::string pcrs = R"("pcrs":[)" + pcr_row(11, chain({"a", "b", "pavise:data-opened"})) + "," +
                     pcr_row(12, Digest256{}) + "]";
  std::string events = R"("events":[)" + event_row(11, "a") + "," + event_row(11, "b") + "]";
  std::string runtime = R"("runtime":[{"pcr":11,"text":"pavise:data-opened"}])";
  std::string platforms =
      R"("platforms":[{"name":"qemu","pcrs":[)" + pcr_row(0, Digest256{}) + "]}]";
  std::string cmdline = R"("cmdline":"quiet pavise.roothash=12")";
  std::string components =
      R"("components":[{"name":"root file system","digest":")" + hex("r") + R"("}])";

  std::string text() const {
    std::string out = "{";
    for (const std::string* member : {&profile, &name, &version, &epoch, &created, &pcrs, &events,
                                      &runtime, &platforms, &cmdline, &components})
      if (!member->empty()) out += (out.size() == 1 ? "" : ",") + *member;
    return out + "}";
  }
  Result<ReferenceSet> parse() const { return ReferenceSet::parse_unverified(as_bytes(text())); }
};

TEST(ReferenceSet, ReadsARelease) {
  const Json json;
  const auto set = json.parse();
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ(set->name, "pavise-os");
  EXPECT_EQ(set->version, "0.1.0");
  EXPECT_EQ(set->security_epoch, 1U);
  EXPECT_EQ(set->created, "2026-11-22T00:00:00Z");
  ASSERT_NE(set->pcr(12), nullptr);
  EXPECT_EQ(*set->pcr(12), Digest256{});
  EXPECT_EQ(set->pcr(4), nullptr);
  ASSERT_EQ(set->events.size(), 2U);
  EXPECT_EQ(set->events[1].component, "kernel");
  EXPECT_EQ(set->events[1].name, ".linux section");
  EXPECT_EQ(set->runtime.at(0).text, "pavise:data-opened");
  EXPECT_EQ(set->platforms.at(0).name, "qemu");
  EXPECT_EQ(set->cmdline, "quiet pavise.roothash=12");
  ASSERT_NE(set->component(kRootFileSystem), nullptr);
  EXPECT_EQ(set->component("kernel"), nullptr);
  EXPECT_EQ(to_hex(set->manifest_digest), hex(json.text()));
}

TEST(ReferenceSet, EveryMemberIsNeededAndNoOtherAllowed) {
  const Json good;
  for (std::string Json::* member :
       {&Json::profile, &Json::name, &Json::version, &Json::epoch, &Json::created, &Json::pcrs,
        &Json::events, &Json::runtime, &Json::platforms, &Json::cmdline, &Json::components}) {
    Json without = good;
    (without.*member).clear();
    EXPECT_FALSE(without.parse()) << good.*member;
  }
  Json more = good;
  more.cmdline += R"(,"extra":1)";
  EXPECT_TRUE(more.parse().error().is(kReleaseField));
  Json inner = good;
  inner.runtime = R"("runtime":[{"pcr":11,"text":"pavise:data-opened","extra":1}])";
  EXPECT_TRUE(inner.parse().error().is(kReleaseField));
}

TEST(ReferenceSet, RefusesWrongValues) {
  struct Row {
    std::string Json::* member;
    std::string value;
  };
  const std::string zero = to_hex(Digest256{});
  const Row rows[] = {
      {&Json::name, R"("name":"")"},
      {&Json::name, R"("name":7)"},
      {&Json::name, R"("name":"line\nbreak")"},
      {&Json::version, R"("version":null)"},
      {&Json::epoch, R"("security_epoch":-1)"},
      {&Json::epoch, R"("security_epoch":1.5)"},
      {&Json::epoch, R"("security_epoch":4294967296)"},
      {&Json::pcrs, R"("pcrs":[])"},
      {&Json::pcrs, R"("pcrs":{})"},
      {&Json::pcrs, R"("pcrs":[7])"},
      {&Json::pcrs, R"("pcrs":[{"pcr":24,"digest":")" + zero + R"("}])"},
      {&Json::pcrs, R"("pcrs":[{"pcr":12,"digest":"00"}])"},
      {&Json::pcrs, R"("pcrs":[{"pcr":12,"digest":")" + std::string(64, 'g') + R"("}])"},
      {&Json::platforms, R"("platforms":[{"name":"qemu","pcrs":[]}])"},
      {&Json::platforms,
       R"("platforms":[{"name":"q","pcrs":[)" + pcr_row(0, {}) + "," + pcr_row(0, {}) + "]}]"},
      {&Json::components, R"("components":[{"name":"root file system"}])"},
  };
  for (const Row& row : rows) {
    Json changed;
    changed.*row.member = row.value;
    const auto set = changed.parse();
    ASSERT_FALSE(set) << row.value;
    EXPECT_TRUE(set.error().is(kReleaseField)) << row.value << ": " << set.error().message();
  }
}

TEST(ReferenceSet, PcrsFollowFromTheirEvents) {
  Json other_order;
  other_order.events = R"("events":[)" + event_row(11, "b") + "," + event_row(11, "a") + "]";
  EXPECT_TRUE(other_order.parse().error().is(kReleaseInconsistent));
  Json no_runtime;
  no_runtime.runtime = R"("runtime":[])";
  EXPECT_TRUE(no_runtime.parse().error().is(kReleaseInconsistent));
  Json unlisted;
  unlisted.events = R"("events":[)" + event_row(11, "a") + "," + event_row(11, "b") + "," +
                    event_row(4, "c") + "]";
  EXPECT_TRUE(unlisted.parse().error().is(kReleaseField));
  Json repeated;
  repeated.pcrs = R"("pcrs":[)" + pcr_row(12, {}) + "," + pcr_row(12, {}) + "]";
  EXPECT_TRUE(repeated.parse().error().is(kReleaseField));
}

TEST(ReferenceSet, NotJsonOrAnotherProfile) {
  for (const std::string_view text : {"", "{", "{} x", "{,}", "{\"a\":1,}", "[[[[[[[[[]]]]]]]]]"})
    EXPECT_TRUE(ReferenceSet::parse_unverified(as_bytes(text)).error().is(kReleaseNotJson)) << text;
  for (const std::string_view text : {"{}", "[]", "7", "\"x\"", "null"})
    EXPECT_TRUE(ReferenceSet::parse_unverified(as_bytes(text)).error().is(kReleaseField)) << text;
  Json next;
  next.profile = R"("profile":"pavise-release-2")";
  EXPECT_TRUE(next.parse().error().is(kReleaseProfile));
}

TEST(ReferenceSet, ListsAtTheirLimitAndOneMore) {
  const auto with = [](auto set) {
    Json json;
    set(json);
    return json.parse().has_value();
  };
  const auto components = [](std::size_t n) {
    return R"("components":[)" + repeat(R"({"name":"c","digest":")" + hex("c") + R"("})", n) + "]";
  };
  EXPECT_TRUE(with([&](Json& j) { j.components = components(kComponentsMax); }));
  EXPECT_FALSE(with([&](Json& j) { j.components = components(kComponentsMax + 1); }));

  const auto platforms = [](std::size_t n) {
    return R"("platforms":[)" + repeat(R"({"name":"p","pcrs":[)" + pcr_row(0, {}) + "]}", n) + "]";
  };
  EXPECT_TRUE(with([&](Json& j) { j.platforms = platforms(kPlatformsMax); }));
  EXPECT_FALSE(with([&](Json& j) { j.platforms = platforms(kPlatformsMax + 1); }));

  const auto events = [](Json& json, std::size_t n) {
    Digest256 pcr{};
    const Digest256 digest = crypto::sha256(as_bytes("a"));
    for (std::size_t i = 0; i < n; ++i) pcr = crypto::sha256({ByteView(pcr), ByteView(digest)});
    json.events = R"("events":[)" + repeat(event_row(11, "a"), n) + "]";
    json.runtime = R"("runtime":[])";
    json.pcrs = R"("pcrs":[)" + pcr_row(11, pcr) + "]";
  };
  EXPECT_TRUE(with([&](Json& j) { events(j, kEventsMax); }));
  EXPECT_FALSE(with([&](Json& j) { events(j, kEventsMax + 1); }));

  const auto runtime = [&](Json& json, std::size_t n) {
    events(json, n);  // a runtime event is extended the same way
    json.events = R"("events":[])";
    json.runtime = R"("runtime":[)" + repeat(R"({"pcr":11,"text":"a"})", n) + "]";
  };
  EXPECT_TRUE(with([&](Json& j) { runtime(j, kRuntimeEventsMax); }));
  EXPECT_FALSE(with([&](Json& j) { runtime(j, kRuntimeEventsMax + 1); }));
}

TEST(ReferenceSet, TextsAtTheirLimitAndOneMore) {
  const auto name = [](std::size_t n) {
    Json json;
    json.name = R"("name":")" + std::string(n, 'n') + '"';
    return json.parse().has_value();
  };
  EXPECT_TRUE(name(kTextMax));
  EXPECT_FALSE(name(kTextMax + 1));
  const auto cmdline = [](std::size_t n) {
    Json json;
    json.cmdline = R"("cmdline":")" + std::string(n, 'c') + '"';
    return json.parse().has_value();
  };
  EXPECT_TRUE(cmdline(0));
  EXPECT_TRUE(cmdline(kCmdlineMax));
  EXPECT_FALSE(cmdline(kCmdlineMax + 1));
}

TEST(ReferenceSet, FileAtItsLimitAndOneMore) {
  std::string text = Json{}.text();
  text.append(kReleaseBytesMax - text.size(), ' ');
  EXPECT_TRUE(ReferenceSet::parse_unverified(as_bytes(text)));
  text.push_back(' ');
  EXPECT_TRUE(ReferenceSet::parse_unverified(as_bytes(text)).error().is(kReleaseTooLarge));
}

TEST(SignedRelease, OnlyATrustedKeysSignatureOverTheExactBytes) {
  const auto key = crypto::P256PrivateKey::generate();
  const auto stranger = crypto::P256PrivateKey::generate();
  ASSERT_TRUE(key && stranger);
  const std::string text = Json{}.text();
  const Digest256 digest = crypto::sha256(as_bytes(text));
  const Bytes signature = crypto::ecdsa_to_der(*key->sign_digest(digest));
  const std::vector<crypto::P256PublicKey> keys{stranger->public_key(), key->public_key()};

  EXPECT_TRUE(ReferenceSet::from_signed(as_bytes(text), signature, keys));
  EXPECT_TRUE(ReferenceSet::from_signed(as_bytes(text + " "), signature, keys)
                  .error()
                  .is(kReleaseSignature));
  EXPECT_TRUE(ReferenceSet::from_signed(as_bytes(text), signature, std::span(keys).first(1))
                  .error()
                  .is(kReleaseSignature));
  EXPECT_TRUE(
      ReferenceSet::from_signed(as_bytes(text), signature, {}).error().is(kReleaseSignature));
  EXPECT_TRUE(ReferenceSet::from_signed(as_bytes(text), {}, keys).error().is(kReleaseSignature));
  Bytes longer = signature;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(ReferenceSet::from_signed(as_bytes(text), longer, keys));
}

}  // namespace
}  // namespace pavise::release
