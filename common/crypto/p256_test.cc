#include <gtest/gtest.h>

#include <vector>

#include "common/crypto/crypto.h"

namespace pavise::crypto {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

// RFC 6979, A.2.5.
constexpr std::string_view kSecret =
    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
constexpr std::string_view kX = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6";
constexpr std::string_view kY = "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
struct Rfc6979Row {
  std::string_view message, r, s;
};
constexpr Rfc6979Row kRfc6979[] = {
    {"sample", "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
     "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
    {"test", "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
     "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
};
constexpr std::string_view kOrder =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
constexpr std::string_view kOrderLess1 =
    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
constexpr std::string_view kFieldPrime =
    "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";

P256PublicKey rfc_key() {
  return P256PublicKey::from_xy(hex(kX), hex(kY)).value();
}

// A PKCS#8 file around a published test key, so that no key lies in the repository as a file.
std::string pkcs8_pem(std::string_view secret, std::string_view x, std::string_view y) {
  std::string der = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420";
  der.append(secret).append("a14403420004").append(x).append(y);
  return "-----BEGIN PRIVATE KEY-----\n" + to_base64(hex(der)) + "\n-----END PRIVATE KEY-----\n";
}

EcdsaRaw raw_of(std::string_view r, std::string_view s) {
  EcdsaRaw out{};
  const Bytes joined = hex(std::string(r).append(s));
  std::ranges::copy(joined, out.begin());
  return out;
}

TEST(P256Verify, Rfc6979Vectors) {
  for (const auto& row : kRfc6979) {
    const auto signature = ecdsa_from_integers(hex(row.r), hex(row.s));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(rfc_key().verify_digest(sha256(as_bytes(row.message)), *signature)) << row.message;
    EXPECT_FALSE(rfc_key().verify_digest(sha256(as_bytes("other")), *signature));
  }
}

TEST(P256Verify, EveryFlippedBitOfASignatureIsRefused) {
  const Digest256 digest = sha256(as_bytes(kRfc6979[0].message));
  const EcdsaRaw good = raw_of(kRfc6979[0].r, kRfc6979[0].s);
  const P256PublicKey key = rfc_key();
  for (std::size_t bit = 0; bit < good.size() * 8; bit += 7) {
    EcdsaRaw bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const Status outcome = key.verify_digest(digest, bad);
    ASSERT_FALSE(outcome) << bit;
    EXPECT_TRUE(outcome.error().is(kBadSignature));
  }
}

TEST(P256Verify, RefusesHalvesOutsideTheRange) {
  const Digest256 digest = sha256(as_bytes("sample"));
  const std::string zero(64, '0');
  const std::string one = std::string(63, '0') + "1";
  const std::pair<std::string_view, std::string_view> rows[] = {{zero, zero},
                                                                {zero, one},
                                                                {one, zero},
                                                                {kOrder, one},
                                                                {one, kOrder},
                                                                {kOrder, kOrder},
                                                                {one, one},
                                                                {kOrderLess1, one},
                                                                {one, kOrderLess1},
                                                                {kFieldPrime, one},
                                                                {one, kFieldPrime},
                                                                {kRfc6979[0].s, kRfc6979[0].r},
                                                                {kRfc6979[0].r, zero},
                                                                {zero, kRfc6979[0].s}};
  for (const auto& [r, s] : rows)
    EXPECT_FALSE(rfc_key().verify_digest(digest, raw_of(r, s))) << r << " " << s;
}

TEST(EcdsaIntegers, PadsAndBounds) {
  EXPECT_TRUE(ecdsa_from_integers(hex("01"), hex("0002")));
  EXPECT_EQ(to_hex(*ecdsa_from_integers(hex("01"), hex("0002"))),
            std::string(63, '0') + "1" + std::string(63, '0') + "2");
  EXPECT_TRUE(ecdsa_from_integers(hex(kOrderLess1), hex("01")));
  EXPECT_FALSE(ecdsa_from_integers(hex(kOrder), hex("01")));
  EXPECT_FALSE(ecdsa_from_integers(hex("01"), hex(kOrder)));
  EXPECT_FALSE(ecdsa_from_integers({}, hex("01")));
  EXPECT_FALSE(ecdsa_from_integers(hex("01"), {}));
  EXPECT_FALSE(ecdsa_from_integers(hex("00"), hex("01")));
  EXPECT_FALSE(ecdsa_from_integers(hex(std::string(66, '0')), hex("01"))) << "33 bytes";
}

TEST(EcdsaDer, RoundTripsAtEveryLength) {
  const std::string_view halves[] = {"01",        "7f",          "80",         "ff",
                                     "0100",      "7fff",        "8000",       "00ffff",
                                     kOrderLess1, kRfc6979[0].r, kRfc6979[1].s};
  for (const auto r : halves) {
    for (const auto s : halves) {
      const auto raw = ecdsa_from_integers(hex(r), hex(s));
      ASSERT_TRUE(raw);
      const Bytes der = ecdsa_to_der(*raw);
      EXPECT_LE(der.size(), 72U);
      const auto back = ecdsa_from_der(der);
      ASSERT_TRUE(back) << to_hex(der);
      EXPECT_EQ(*back, *raw);
    }
  }
}

TEST(EcdsaDer, RefusesEverythingButStrictDer) {
  const std::string r32 = "0220" + std::string(64, '1');
  const struct {
    std::string_view why;
    std::string der;
  } rows[] = {
      {"empty", ""},
      {"only a tag", "30"},
      {"not a sequence", "310602010102 0101"},
      {"r = 0", "3006020100020101"},
      {"s = 0", "3006020101020100"},
      {"r empty", "30050200020101"},
      {"s empty", "30050201010200"},
      {"s missing", "3003020101"},
      {"negative r", "3006020180020101"},
      {"negative s", "30060201010201ff"},
      {"needless leading zero in r", "300702020001020101"},
      {"needless leading zero in s", "300702010102020001"},
      {"trailing byte after the sequence", "300602010102010100"},
      {"trailing byte inside", "300702010102010100"},
      {"third integer", "3009020101020101020101"},
      {"length in long form", "308106020101020101"},
      {"length of r in long form", "30070281010102 0101"},
      {"indefinite length", "30800201010201010000"},
      {"length too large", "3007020101020101"},
      {"length too small", "3005020101020101"},
      {"r is an octet string", "3006040101020101"},
      {"r >= n", "30260221 00" + std::string(kOrder) + "020101"},
      {"s >= n", "3026020101022100" + std::string(kOrder)},
      {"r of 34 bytes", "30270222" + std::string(68, '1') + "020101"},
      {"73 bytes", "3047" + r32 + "0223" + std::string(70, '1')},
      {"infinity as a real number", "300609 0141020101"},
  };
  for (const auto& row : rows) {
    std::string text = row.der;
    std::erase(text, ' ');
    const auto outcome = ecdsa_from_der(hex(text));
    ASSERT_FALSE(outcome) << row.why;
    EXPECT_TRUE(outcome.error().is(kBadSignature)) << row.why;
  }
}

TEST(P256PublicKey, AllEncodingsAgree) {
  const P256PublicKey key = rfc_key();
  EXPECT_EQ(key.spki_der().size(), 91U);
  EXPECT_EQ(*P256PublicKey::from_point(key.point()), key);
  EXPECT_EQ(*P256PublicKey::from_spki_der(key.spki_der()), key);
  EXPECT_EQ(*P256PublicKey::from_pem(key.pem()), key);
  std::string with_crlf = key.pem();
  for (std::size_t at = 0; (at = with_crlf.find('\n', at)) != std::string::npos; at += 2)
    with_crlf.replace(at, 1, "\r\n");
  EXPECT_EQ(*P256PublicKey::from_pem(with_crlf), key);
}

TEST(P256PublicKey, RefusesWhatIsNotAPoint) {
  Bytes off_curve = to_bytes(rfc_key().point());
  off_curve.back() ^= std::byte{1};
  const std::string zero(64, '0');
  const std::pair<std::string_view, Bytes> rows[] = {
      {"empty", {}},
      {"off the curve", off_curve},
      {"infinity", hex("00")},
      {"origin", hex("04" + zero + zero)},
      {"x = p", hex("04" + std::string(kFieldPrime) + std::string(kY))},
      {"compressed", hex("02" + std::string(kX))},
      {"hybrid", hex("07" + std::string(kX) + std::string(kY))},
      {"64 bytes", hex(std::string(kX) + std::string(kY))},
      {"66 bytes", hex("04" + std::string(kX) + std::string(kY) + "00")}};
  for (const auto& [why, point] : rows) {
    const auto key = P256PublicKey::from_point(point);
    ASSERT_FALSE(key) << why;
    EXPECT_TRUE(key.error().is(kBadPublicKey)) << why;
  }
  EXPECT_FALSE(P256PublicKey::from_xy({}, hex(kY)));
  EXPECT_FALSE(P256PublicKey::from_xy(hex(kX), hex("00" + std::string(kY))));
}

TEST(P256PublicKey, RefusesOtherSpkiAndPem) {
  Bytes spki = rfc_key().spki_der();
  for (std::size_t i = 0; i < 27; ++i) {
    Bytes bad = spki;
    bad[i] ^= std::byte{1};
    EXPECT_FALSE(P256PublicKey::from_spki_der(bad)) << i;
  }
  spki.push_back(std::byte{0});
  EXPECT_FALSE(P256PublicKey::from_spki_der(spki));
  const std::string good = rfc_key().pem();
  EXPECT_FALSE(P256PublicKey::from_pem(""));
  EXPECT_FALSE(P256PublicKey::from_pem(good.substr(0, good.size() - 10)));
  EXPECT_FALSE(P256PublicKey::from_pem(good + std::string(4096, ' '))) << "above the size limit";
  std::string not_base64 = good;
  not_base64[40] = '!';
  EXPECT_FALSE(P256PublicKey::from_pem(not_base64));
}

TEST(P256PrivateKey, SignsWhatItsPublicKeyVerifies) {
  const auto key = P256PrivateKey::generate();
  ASSERT_TRUE(key);
  const Digest256 digest = sha256(as_bytes("message"));
  const auto signature = key->sign_digest(digest);
  ASSERT_TRUE(signature);
  EXPECT_TRUE(key->public_key().verify_digest(digest, *signature));
  EXPECT_FALSE(rfc_key().verify_digest(digest, *signature));
  EXPECT_NE(*signature, *key->sign_digest(digest)) << "the nonce must differ each time";
}

TEST(P256PrivateKey, PemRoundTrip) {
  const auto key = P256PrivateKey::generate();
  ASSERT_TRUE(key);
  const SecretBytes pem = key->to_pem();
  EXPECT_TRUE(as_text(pem.view()).starts_with("-----BEGIN PRIVATE KEY-----\n"));
  const auto back = P256PrivateKey::from_pem(pem.view());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->public_key(), key->public_key());
}

TEST(P256PrivateKey, ReadsThePublishedKey) {
  const auto key = P256PrivateKey::from_pem(as_bytes(pkcs8_pem(kSecret, kX, kY)));
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key->public_key(), rfc_key());
}

TEST(P256PrivateKey, RefusesBadFiles) {
  const std::string good = pkcs8_pem(kSecret, kX, kY);
  const std::string wrong_half = pkcs8_pem(kRfc6979[0].s, kX, kY);
  std::string sec1 = good;
  for (const std::string_view word : {"BEGIN ", "END "})
    sec1.insert(sec1.find(word) + word.size(), "EC ");
  const std::pair<std::string_view, std::string> rows[] = {
      {"empty", ""},
      {"halves do not belong together", wrong_half},
      {"SEC 1", sec1},
      {"cut", good.substr(0, good.size() / 2)},
      {"too long", good + std::string(4096, '\n')}};
  for (const auto& [why, pem] : rows) {
    const auto key = P256PrivateKey::from_pem(as_bytes(pem));
    ASSERT_FALSE(key) << why;
    EXPECT_TRUE(key.error().is(kBadPrivateKey)) << why;
  }
}

// RFC 5903, 8.1.
TEST(P256PrivateKey, EcdhVector) {
  const auto initiator = P256PrivateKey::from_pem(
      as_bytes(pkcs8_pem("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
                         "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180",
                         "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3")));
  ASSERT_TRUE(initiator) << initiator.error().message();
  const auto responder = P256PublicKey::from_xy(
      hex("D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"),
      hex("56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB"));
  ASSERT_TRUE(responder);
  EXPECT_EQ(to_hex(initiator->ecdh_x(*responder)->view()),
            "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
}

}  // namespace
}  // namespace pavise::crypto
