#include "protocol/sas/token.h"

#include <gtest/gtest.h>

#include "protocol/sas/key.h"

namespace pavise::sas {
namespace {

constexpr std::string_view kKeyText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr UnixSeconds kExpiry = 1'700'003'600;

SecretBytes key() {
  return *parse_key(kKeyText);
}
SecretBytes other_key() {
  return SecretBytes(Bytes(32, std::byte{9}));
}

struct TokenRow {
  std::string_view name;
  std::string_view text;
  std::vector<std::string_view> segments;
  KeyForm form = KeyForm::decoded;
};

// Tokens that the official clients made with kKeyText (azure-iot-device 1.18, azure-iot-common,
// @azure/core-amqp), and the forms of section 0.1 of the reference.
const TokenRow kClientTokens[] = {
    {"node device, every mark encoded",
     "SharedAccessSignature sr=h.example.net%2Fdevices%2Fdev%201%28x%29%21"
     "&sig=vwO7n%2FahTlo%2FOL4dhl%2BEk2C9CsXdV6FkcKSjZ9rDIas%3D&se=1700003600",
     {"h.example.net", "devices", "dev 1(x)!"}},
    {"node device, '#', '+' and an apostrophe",
     "SharedAccessSignature sr=h.example.net%2Fdevices%2Fa%23b%2B%27c"
     "&sig=e3y3bYtu6AFap%2FL5rVTQyXWz%2FrSfUn6GzXKzldhxYUM%3D&se=1700003600",
     {"h.example.net", "devices", "a#b+'c"}},
    {"node service, bare host, skn before se",
     "SharedAccessSignature sr=h.example.net"
     "&sig=tvSfwV4xfAF60yJNX4oM%2BGm3TB%2BpVYyAziJsuUPX8G4%3D&skn=iothubowner&se=1700003600",
     {"h.example.net"}},
    {"documented lower-case escapes, other order",
     "SharedAccessSignature sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=1700003600"
     "&sr=h.example.net%2fdevices%2fdev",
     {"H.Example.NET", "devices", "dev"}},
    {"slashes not encoded, signature not encoded",
     "SharedAccessSignature sr=h.example.net/devices/dev"
     "&sig=sbD4wQEjKEuUFgMZiO77K9DASl5t2kHA6A2ynZEX4CI=&se=1700003600",
     {"h.example.net", "devices", "dev"}},
    {"node DPS, literal slashes, skn=registration",
     "SharedAccessSignature sr=0ne00000001/registrations/reg-1"
     "&sig=AZYT0I1HDjrJ0NjnzDrWLmXxlGmnV4icyoc3cMhWJ5o%3D&skn=registration&se=1700003600",
     {"0ne00000001", "registrations", "reg-1"}},
    {"c, an empty skn",
     "SharedAccessSignature sr=h.example.net/devices/dev"
     "&sig=sbD4wQEjKEuUFgMZiO77K9DASl5t2kHA6A2ynZEX4CI%3d&se=1700003600&skn=",
     {"h.example.net", "devices", "dev"}},
    {"event hubs: the key's text signs",
     "SharedAccessSignature sr=sb%3A%2F%2FH.example.net%2FHub%2FConsumerGroups%2F%24Default"
     "%2FPartitions%2F0&sig=dqHXDuHWAT94iaduELCAtDGITLiUPJzcB5u2pZBhXKY%3D&se=1700003600"
     "&skn=service",
     {"h.example.net", "Hub", "ConsumerGroups", "$Default", "Partitions", "0"},
     KeyForm::text},
};

TEST(SasToken, TokensOfTheOfficialClientsPass) {
  for (const TokenRow& row : kClientTokens) {
    const auto token = Token::parse(row.text);
    ASSERT_TRUE(token) << row.name << ": " << token.error().message();
    EXPECT_TRUE(token->check_signature(key().view(), {}, row.form)) << row.name;
    EXPECT_TRUE(token->check_signature(other_key().view(), key().view(), row.form)) << row.name;
    EXPECT_TRUE(token->check_audience(row.segments)) << row.name << " " << token->audience();
    EXPECT_EQ(token->expiry(), kExpiry) << row.name;
  }
  EXPECT_EQ(Token::parse(kClientTokens[2].text)->policy(), "iothubowner");
  EXPECT_FALSE(Token::parse(kClientTokens[0].text)->policy());
  EXPECT_FALSE(Token::parse(kClientTokens[6].text)->policy()) << "an empty skn is none";
}

TEST(SasToken, WrongKeysAndChangedTextsFail) {
  for (const TokenRow& row : kClientTokens) {
    const auto token = Token::parse(row.text);
    const KeyForm other = row.form == KeyForm::text ? KeyForm::decoded : KeyForm::text;
    EXPECT_TRUE(
        token->check_signature(other_key().view(), {}, row.form).error().is(kWrongSignature))
        << row.name;
    EXPECT_FALSE(token->check_signature(key().view(), key().view(), other)) << row.name;
    EXPECT_FALSE(token->check_signature({}, {}, row.form)) << row.name;
  }
  // The same audience in another encoding is another text: the signature is over what came.
  const auto reencoded = Token::parse(
      "SharedAccessSignature sr=h.example.net%2Fdevices%2Fdev"
      "&sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=1700003600");
  EXPECT_FALSE(reencoded->check_signature(key().view(), {}, KeyForm::decoded));
  const auto longer = Token::parse(
      "SharedAccessSignature sr=h.example.net%2fdevices%2fdev"
      "&sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=1700003601");
  EXPECT_FALSE(longer->check_signature(key().view(), {}, KeyForm::decoded));
}

TEST(SasToken, AnEmptyKeyNeverMatches) {
  const auto token = Token::parse(make_token("h/devices/d", {}, kExpiry));
  ASSERT_TRUE(token);
  EXPECT_FALSE(token->check_signature({}, {}, KeyForm::decoded));
  EXPECT_FALSE(token->check_signature({}, {}, KeyForm::text));
}

TEST(SasToken, Refusals) {
  const std::string sig = "sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d";
  const std::string scheme = "SharedAccessSignature ";
  const std::pair<std::string, const ErrorInfo*> rows[] = {
      {"", &kBadToken},
      {"blah", &kBadToken},
      {scheme, &kBadToken},
      {"Bearer sr=h&" + sig + "&se=1", &kBadToken},
      {"sharedaccesssignature sr=h&" + sig + "&se=1", &kBadToken},
      {" " + scheme + "sr=h&" + sig + "&se=1", &kBadToken},
      {scheme + " sr=h&" + sig + "&se=1", &kBadToken},
      {scheme + sig + "&se=1", &kBadToken},
      {scheme + "sr=&" + sig + "&se=1", &kBadToken},
      {scheme + "sr=%&" + sig + "&se=1", &kBadToken},
      {scheme + "sr=h%0Ax&" + sig + "&se=1", &kBadToken},
      {scheme + "sr=h%00&" + sig + "&se=1", &kBadToken},
      {scheme + "sr=h&se=1", &kBadToken},
      {scheme + "sr=h&sig=&se=1", &kBadToken},
      {scheme + "sr=h&sig=AAAA&se=1", &kBadToken},
      {scheme + "sr=h&sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc&se=1", &kBadToken},
      {scheme + "sr=h&sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFd%3d&se=1", &kBadToken},
      {scheme + "sr=h&" + sig, &kBadToken},
      {scheme + "sr=h&" + sig + "&se=", &kBadToken},
      {scheme + "sr=h&" + sig + "&se=-1", &kBadToken},
      {scheme + "sr=h&" + sig + "&se=1.5", &kBadToken},
      {scheme + "sr=h&" + sig + "&se=1%30", &kBadToken},
      {scheme + "sr=h&" + sig + "&se=1&", &kBadToken},
      {scheme + "sr=h&" + sig + "&se=1&x=y", &kBadToken},
      {scheme + "sr=h&" + sig + "&se=1&skn=%4", &kBadToken},
      {scheme + "sr=h&sr=h&" + sig + "&se=1", &kRepeatedField},
      {scheme + "sr=h&" + sig + "&" + sig + "&se=1", &kRepeatedField},
      {scheme + "sr=h&" + sig + "&se=1&se=2", &kRepeatedField},
      {scheme + "sr=h&" + sig + "&se=1&skn=&skn=a", &kRepeatedField},
  };
  for (const auto& [text, error] : rows) {
    const auto token = Token::parse(text);
    ASSERT_FALSE(token) << text;
    EXPECT_EQ(token.error().code(), error->code) << text;
  }
}

// `sr` as sent, and whether it covers the device "dev" of h.example.net and its module "mod".
TEST(SasToken, AudienceIsMatchedSegmentBySegment) {
  const struct {
    std::string_view sr;
    bool device;
    bool module_id;
  } rows[] = {
      {"h.example.net", true, true},
      {"H.EXAMPLE.net", true, true},
      {"h.example.net%2Fdevices", true, true},
      {"h.example.net/devices/dev", true, true},
      {"h.example.net%2Fdevices%2Fdev%2Fmodules%2Fmod", false, true},
      {"h.example.net%2Fdevices%2Fdev%2Fmodules", false, true},
      {"amqps://h.example.net/devices/dev", true, true},
      // Prefixes that are not whole segments.
      {"h.example.ne", false, false},
      {"h.example.net.evil.net", false, false},
      {"h.example.net%2Fdevices%2Fde", false, false},
      {"h.example.net%2Fdevices%2Fdev2", false, false},
      {"h.example.net%2Fdevices%2FDEV", false, false},
      {"h.example.net%2FDevices%2Fdev", false, false},
      {"h.example.net%2Fdevices%2Fdev%2Fmodules%2Fmo", false, false},
      {"h.example.net%2Fdevices%2Fdev%2Fmodules%2Fmod%2Fx", false, false},
      // Empty segments and ends.
      {"%2F", false, false},
      {"/h.example.net", false, false},
      {"h.example.net/", false, false},
      {"h.example.net//devices/dev", false, false},
      {"h.example.net%2Fdevices%2Fdev%2F", false, false},
      {"h.example.net/devices/", false, false},
      // Dots are not walked.
      {"h.example.net/devices/other/../dev", false, false},
      {"h.example.net/.", false, false},
      {"h.example.net/devices/./dev", false, false},
      // Encoded twice.
      {"h.example.net%252Fdevices%252Fdev", false, false},
      {"h.example.net%2Fdevices%2Fdev%252F..", false, false},
      {"h.example.net%2Fdevices%252Fdev", false, false},
      {"h.example.net%2Fdevices%2Fd%2565v", false, false},
      {"h.example.net%2Fdevices%2Fdev%2500", false, false},
      // Schemes count once, and only those that are used.
      {"sb://sb://h.example.net", false, false},
      {"ftp://h.example.net", false, false},
      {"h.example.net:8883/devices/dev", false, false},
      {"user@h.example.net", false, false},
      {"h.example.net?x", false, false},
  };
  const std::vector<std::string_view> device = {"h.example.net", "devices", "dev"};
  const std::vector<std::string_view> module_id = {"h.example.net", "devices", "dev", "modules",
                                                   "mod"};
  for (const auto& row : rows) {
    const auto token = Token::parse("SharedAccessSignature sr=" + std::string(row.sr) +
                                    "&sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=1");
    ASSERT_TRUE(token) << row.sr;
    EXPECT_EQ(token->check_audience(device).has_value(), row.device) << row.sr;
    EXPECT_EQ(token->check_audience(module_id).has_value(), row.module_id) << row.sr;
  }
}

TEST(SasToken, AnIdMayBeEncodedOnceMore) {
  const auto covers = [](std::string_view audience, std::string_view device) {
    const auto token = Token::parse(make_token(audience, key().view(), kExpiry));
    return token->check_audience(std::vector<std::string_view>{"h", "devices", device}).has_value();
  };
  EXPECT_TRUE(covers("h/devices/a%23b", "a#b"));
  EXPECT_TRUE(covers("h/devices/a%23b", "a%23b")) << "'%' is a legal character of an id";
  EXPECT_FALSE(covers("h/devices/a%2541", "a%41"));
  EXPECT_FALSE(covers("h/devices/a%41", "aA"));
  EXPECT_FALSE(covers("h%2Fdevices/d", "d"));
  EXPECT_FALSE(covers("h/devices/a%2", "a%2 "));
  EXPECT_FALSE(covers("h/devices/a%2Fb", "a/b"));
}

TEST(SasToken, FoldedAudiences) {
  const auto token = Token::parse(make_token("sb://h/hub/consumergroups", key().view(), kExpiry));
  const std::vector<std::string_view> target = {"h", "Hub", "ConsumerGroups", "$Default"};
  EXPECT_FALSE(token->check_audience(target));
  EXPECT_TRUE(token->check_audience(target, AudienceCase::folded));
}

TEST(SasToken, ExpiryIsTheFirstSecondThatIsRefused) {
  const auto token = Token::parse(make_token("h", key().view(), kExpiry));
  EXPECT_TRUE(token->check_time(kExpiry - 1));
  EXPECT_TRUE(token->check_time(kExpiry).error().is(kExpired));
  const std::string base =
      "SharedAccessSignature sr=h"
      "&sig=alNGuPsnrQKdfi2HGJbZWXXvDHSy3OllsL5RhIhVIFc%3d&se=";
  const auto far = Token::parse(base + std::string(kExpiryDigitsMax, '9'));
  ASSERT_TRUE(far);
  EXPECT_TRUE(far->check_time(kExpiry)) << "far futures are accepted";
  EXPECT_FALSE(Token::parse(base + std::string(kExpiryDigitsMax + 1, '9')));
  EXPECT_FALSE(Token::parse(base + "0")->check_time(0));
}

TEST(SasToken, Limits) {
  std::string text = make_token("h", key().view(), kExpiry) + "&skn=";
  text.resize(kTokenSizeMax, 'p');
  EXPECT_TRUE(Token::parse(text));
  EXPECT_FALSE(Token::parse(text + "p"));
  std::string deep = "h";
  std::vector<std::string_view> target = {"h"};
  for (std::size_t i = 1; i < kAudienceSegmentsMax; ++i) {
    deep += "/a";
    target.push_back("a");
  }
  EXPECT_TRUE(Token::parse(make_token(deep, key().view(), 1))->check_audience(target));
  target.push_back("a");
  EXPECT_FALSE(Token::parse(make_token(deep + "/a", key().view(), 1))->check_audience(target));
}

TEST(SasToken, WhatWeMakeIsWhatNodeMakes) {
  EXPECT_EQ(make_token("h.example.net", key().view(), kExpiry, "iothubowner"),
            kClientTokens[2].text);
  EXPECT_EQ(make_token("h.example.net/devices/dev 1(x)!", key().view(), kExpiry),
            kClientTokens[0].text);
  // Published in the tests of azure-iot-common.
  EXPECT_EQ(make_token("uri", as_bytes("password"), 12345, "encode('Me')"),
            "SharedAccessSignature sr=uri&sig=kcWxXAK2OAaAoq2oCkaGzX2NMqDB8nCyNuq2fPYCDhk%3D"
            "&skn=encode%28%27Me%27%29&se=12345");
}

TEST(SasKey, DerivedDeviceKeyOfTheDocumentation) {
  const auto group = parse_key(
      "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==");
  ASSERT_TRUE(group);
  EXPECT_EQ(
      to_base64(derive_device_key(group->view(), "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6").view()),
      "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
}

TEST(SasKey, SizesAndStrictness) {
  const auto of_size = [](std::size_t size) { return to_base64(Bytes(size, std::byte{1})); };
  EXPECT_FALSE(parse_key(of_size(kKeySizeMin - 1)));
  EXPECT_TRUE(parse_key(of_size(kKeySizeMin)));
  EXPECT_TRUE(parse_key(of_size(kKeySizeMax)));
  EXPECT_FALSE(parse_key(of_size(kKeySizeMax + 1)));
  EXPECT_FALSE(parse_key(of_size(600)));
  for (const std::string_view bad : {"", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "key",
                                     "AAECAwQFBgcICQoLDA0OD w==", "AAECAwQFBgcICQoLDA0OD_=="})
    EXPECT_TRUE(parse_key(bad).error().is(kBadKey)) << bad;
}

}  // namespace
}  // namespace pavise::sas
