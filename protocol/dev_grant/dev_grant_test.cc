#include "protocol/dev_grant/dev_grant.h"

#include <gtest/gtest.h>

#include "protocol/cbor/cbor.h"

namespace pavise::dev_grant {
namespace {

constexpr UnixSeconds kNow = 1'795'000'000;

class DevGrantTest : public ::testing::Test {
 protected:
  static Terms terms() {
    return {.device = *DeviceId::parse(std::string(64, 'a')),
            .component = *manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
            .not_before = kNow,
            .not_after = kNow + 3600};
  }
  Grant signed_grant() const { return Grant::sign(terms(), key).value(); }
  std::string refusal(const Grant& grant, const DeviceId& device, UnixSeconds now) const {
    const auto accepted = grant.accept(keys, device, now);
    return accepted ? "accepted" : std::string(accepted.error().code());
  }

  crypto::P256PrivateKey key = crypto::P256PrivateKey::generate().value();
  std::vector<crypto::P256PublicKey> keys{crypto::P256PrivateKey::generate().value().public_key(),
                                          key.public_key()};
};

TEST_F(DevGrantTest, HoldsForItsDeviceInItsTime) {
  const auto read = Grant::parse(signed_grant().encode());
  ASSERT_TRUE(read) << read.error().message();
  for (const UnixSeconds now : {kNow, kNow + 3599}) {
    const auto accepted = read->accept(keys, terms().device, now);
    ASSERT_TRUE(accepted) << accepted.error().message();
    EXPECT_EQ(*accepted, terms());
  }
  EXPECT_LE(read->encode().size(), kGrantBytesMax);
}

TEST_F(DevGrantTest, IsRefusedElsewhereBeforeAndAfter) {
  const Grant grant = signed_grant();
  EXPECT_EQ(refusal(grant, *DeviceId::parse(std::string(64, 'b')), kNow), "PV-DGR-003");
  EXPECT_EQ(refusal(grant, terms().device, kNow - 1), "PV-DGR-004");
  EXPECT_EQ(refusal(grant, terms().device, 0), "PV-DGR-004") << "a clock that is not set";
  EXPECT_EQ(refusal(grant, terms().device, -1), "PV-DGR-004");
  EXPECT_EQ(refusal(grant, terms().device, kNow + 3600), "PV-DGR-005");
  EXPECT_EQ(refusal(grant, terms().device, INT64_MAX), "PV-DGR-005");
}

TEST_F(DevGrantTest, NoOtherKeySigns) {
  const auto other = crypto::P256PrivateKey::generate().value();
  EXPECT_EQ(refusal(Grant::sign(terms(), other).value(), terms().device, kNow), "PV-DGR-002");
  keys.clear();
  EXPECT_EQ(refusal(signed_grant(), terms().device, kNow), "PV-DGR-002");
}

TEST_F(DevGrantTest, EveryByteCounts) {
  const Bytes good = signed_grant().encode();
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bent = good;
    bent[i] ^= std::byte{1};
    const auto read = Grant::parse(bent);
    if (read) EXPECT_EQ(refusal(*read, read->unverified_terms().device, kNow), "PV-DGR-002") << i;
  }
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_FALSE(Grant::parse(ByteView(good).first(n))) << n;
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(Grant::parse(longer));
  EXPECT_FALSE(Grant::parse(Bytes(kGrantBytesMax + 1)));
}

// The same key signs packages: neither may be taken for the other.
TEST_F(DevGrantTest, SignsMoreThanTheBytesOfTheMap) {
  const Bytes whole = signed_grant().encode();
  cbor::Writer unsigned_map;
  const Bytes device(32, std::byte{0xaa});
  unsigned_map.map(6).uint(1).text("pavise-dev-grant-1").uint(2).bytes(device);
  unsigned_map.uint(3).bytes(terms().component.bytes()).uint(4).uint(kNow);
  unsigned_map.uint(5).uint(kNow + 3600).uint(6).bytes(signed_grant().owner_key_id());
  const Bytes map = unsigned_map.take();
  const auto raw = key.sign_digest(crypto::sha256(map)).value();
  Bytes forged(whole.begin(), whole.end() - 64);
  append(forged, raw);
  const auto read = Grant::parse(forged);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(refusal(*read, terms().device, kNow), "PV-DGR-002");
  // From the page of the format alone.
  const Bytes label = to_bytes(as_bytes(std::string_view("pavise development grant 1\0", 27)));
  EXPECT_TRUE(key.public_key().verify_digest(crypto::sha256({ByteView(label), ByteView(map)}), [&] {
    crypto::EcdsaRaw out;
    std::ranges::copy(ByteView(whole).last(64), out.begin());
    return out;
  }()));
}

TEST_F(DevGrantTest, TimesAtNAndNPlusOne) {
  Terms longest = terms();
  longest.not_after = longest.not_before + kGrantSecondsMax;
  const auto made = Grant::sign(longest, key);
  ASSERT_TRUE(made);
  EXPECT_TRUE(Grant::parse(made->encode()));
  ++longest.not_after;
  EXPECT_TRUE(Grant::sign(longest, key).error().is(kBadTerms));
  Terms latest = terms();
  latest.not_after = kGrantTimeMax;
  latest.not_before = kGrantTimeMax - 1;
  EXPECT_TRUE(Grant::parse(Grant::sign(latest, key).value().encode()));
  ++latest.not_after;
  EXPECT_FALSE(Grant::sign(latest, key));
  Terms empty = terms();
  empty.not_after = empty.not_before;
  EXPECT_FALSE(Grant::sign(empty, key));
}

// Somebody who signs with the right key, and with other code, gets no longer grant.
TEST_F(DevGrantTest, TimesAreJudgedWhenTheyAreRead) {
  const auto with_times = [](std::uint64_t begin, std::uint64_t end) {
    cbor::Writer out;
    out.map(7).uint(1).text("pavise-dev-grant-1").uint(2).bytes(Bytes(32)).uint(3);
    out.bytes(Bytes(16, std::byte{1})).uint(4).uint(begin).uint(5).uint(end).uint(6);
    out.bytes(Bytes(32)).uint(7).bytes(Bytes(64));
    return out.take();
  };
  EXPECT_TRUE(Grant::parse(with_times(1, 1 + kGrantSecondsMax)));
  EXPECT_FALSE(Grant::parse(with_times(1, 2 + kGrantSecondsMax)));
  EXPECT_FALSE(Grant::parse(with_times(2, 2)));
  EXPECT_FALSE(Grant::parse(with_times(3, 2)));
  EXPECT_FALSE(Grant::parse(with_times(kGrantTimeMax, kGrantTimeMax + 1)));
  EXPECT_FALSE(Grant::parse(with_times(UINT64_MAX - 1, UINT64_MAX)));
}

}  // namespace
}  // namespace pavise::dev_grant
