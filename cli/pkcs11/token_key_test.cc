// Against SoftHSM itself, and against modules that break what it says.
#include "cli/pkcs11/token_key.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "cli/pkcs11/errors.h"
#include "cli/pkcs11/testing/soft_token.h"

namespace pavise::cli::pkcs11 {
namespace {

using testing::Halves;
using testing::Kind;
using testing::soft_uri;

const Digest256 kDigest = crypto::sha256(as_bytes("what is signed"));

// A copy of SoftHSM's functions with some that a test replaces.
struct Broken {
  CK_FUNCTION_LIST list{};
  CK_FUNCTION_LIST* real = nullptr;
  int logins = 0;
  CK_RV outcome = CKR_OK;
  CK_FLAGS more_flags = 0;
};
Broken broken;  // functions of a module have no context

CK_RV count_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
  ++broken.logins;
  if (pin != nullptr) return broken.real->C_Login(session, user, pin, size);
  std::string typed_at_the_token = testing::kPin;
  return broken.real->C_Login(session, user,
                              reinterpret_cast<unsigned char*>(typed_at_the_token.data()),
                              typed_at_the_token.size());
}
CK_RV flagged_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV out = broken.real->C_GetTokenInfo(slot, info);
  info->flags |= broken.more_flags;
  return out;
}
CK_RV failing_sign(CK_SESSION_HANDLE, unsigned char*, CK_ULONG, unsigned char*, CK_ULONG*) {
  return broken.outcome;
}
CK_RV short_sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* out,
                 CK_ULONG* out_size) {
  const CK_RV outcome = broken.real->C_Sign(session, data, size, out, out_size);
  --*out_size;
  return outcome;
}
CK_RV sign_other_bytes(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size,
                       unsigned char* out, CK_ULONG* out_size) {
  data[0] ^= 1U;
  return broken.real->C_Sign(session, data, size, out, out_size);
}
CK_RV sign_zeros(CK_SESSION_HANDLE, unsigned char*, CK_ULONG, unsigned char* out,
                 CK_ULONG* out_size) {
  std::memset(out, 0, 64);
  *out_size = 64;
  return CKR_OK;
}
CK_RV huge_attribute(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE* asked, CK_ULONG) {
  asked->ulValueLen = kAttributeBytesMax + 1;
  return CKR_OK;
}
CK_RV many_slots(unsigned char, CK_SLOT_ID*, CK_ULONG* count) {
  *count = kSlotsMax + 1;
  return CKR_OK;
}
CK_RV no_slots(unsigned char, CK_SLOT_ID*, CK_ULONG*) {
  return CKR_GENERAL_ERROR;
}
CK_RV failing_session(CK_SLOT_ID, CK_FLAGS, void*, CK_NOTIFY, CK_SESSION_HANDLE*) {
  return CKR_TOKEN_NOT_PRESENT;
}

class Token : public ::testing::Test {
 protected:
  Token() {
    soft.make_token("owner");
    broken = {.list = *soft.module(), .real = soft.module()};
    broken.list.C_Login = &count_login;
    ::setenv(kPinVariable, testing::kPin, 1);
    pins.take_from_environment();
  }

  Result<TokenKey> open(const std::string& uri = "pkcs11:token=owner;object=apps") {
    PAVISE_TRY_ASSIGN(KeyUri parsed, KeyUri::parse(uri));
    return TokenKey::open(std::move(parsed), {&broken.list});
  }
  std::string opened(const std::string& uri = "pkcs11:token=owner;object=apps") {
    const auto key = open(uri);
    return key ? "good" : std::string(key.error().code());
  }
  std::string signs(const std::string& uri = "pkcs11:token=owner;object=apps") {
    auto key = open(uri);
    if (!key) return std::string(key.error().code());
    return signs(*key);
  }
  std::string signs(TokenKey& key) {
    const auto signature = key.sign_digest(kDigest, pins);
    if (!signature) return std::string(signature.error().code());
    return key.public_key().verify_digest(kDigest, *signature) ? "good" : "wrong";
  }

  testing::SoftToken soft;
  Pins pins{"/absent/terminal"};
};

TEST_F(Token, SignsWhatItsPublicHalfVerifies) {
  soft.make_key("owner", {});
  auto key = open();
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(broken.logins, 0);  // the public half needs no PIN
  EXPECT_EQ(signs(*key), "good");
  EXPECT_EQ(signs(*key), "good");
  EXPECT_EQ(broken.logins, 1);
  EXPECT_EQ(open()->public_key(), key->public_key());
}

TEST_F(Token, ModulesAreLoadedByTheNamesPath) {
  soft.make_key("owner", {});
  auto uri = KeyUri::parse(soft_uri("token=owner;object=apps"));
  auto key = TokenKey::open(*std::move(uri));
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(signs(*key), "good");
  EXPECT_EQ(TokenKey::open(*KeyUri::parse("pkcs11:object=a?module-path=/absent.so")).error().code(),
            "PV-TOK-003");
  EXPECT_EQ(TokenKey::open(*KeyUri::parse("pkcs11:object=a?module-path=/dev/null")).error().code(),
            "PV-TOK-003");
}

TEST_F(Token, WhatIsNotThereIsSaid) {
  EXPECT_EQ(opened("pkcs11:token=other;object=apps"), "PV-TOK-004");
  EXPECT_EQ(open("pkcs11:token=other").error().detail(), "there are: owner");
  EXPECT_EQ(opened(), "PV-TOK-006");
  soft.make_key("owner", {.label = "half", .id = "\x02", .halves = Halves::private_only});
  EXPECT_EQ(opened("pkcs11:object=half"), "PV-TOK-006");
  soft.make_key("owner", {.label = "other half", .id = "\x03", .halves = Halves::public_only});
  EXPECT_EQ(signs("pkcs11:object=other%20half"), "PV-TOK-006");
}

TEST_F(Token, WhatMeansTwoThingsIsNeverChosenFrom) {
  soft.make_key("owner", {});
  soft.make_key("owner", {.id = "\x02"});
  const auto several = open();
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().code(), "PV-TOK-007");
  EXPECT_NE(several.error().detail().find("apps with id 02"), std::string::npos);
  EXPECT_EQ(signs("pkcs11:token=owner;object=apps;id=%02"), "good");
  // Two private keys with one id: which of them is the public key's?
  soft.make_key("owner", {.label = "more", .id = "\x02", .halves = Halves::private_only});
  EXPECT_EQ(signs("pkcs11:token=owner;object=apps;id=%02"), "PV-TOK-007");
  soft.make_token("second");
  EXPECT_EQ(opened("pkcs11:object=apps;id=%01"), "PV-TOK-005");
}

TEST_F(Token, KeysOfOtherKindsAreRefused) {
  soft.make_key("owner", {.label = "wide", .id = "\x02", .kind = Kind::p384});
  soft.make_key("owner", {.label = "old", .id = "\x03", .kind = Kind::rsa});
  EXPECT_EQ(opened("pkcs11:object=wide"), "PV-TOK-008");
  EXPECT_EQ(opened("pkcs11:object=old"), "PV-TOK-008");
}

TEST_F(Token, HalvesThatAreNoPairAreFound) {
  soft.make_key("owner", {.halves = Halves::public_only});
  soft.make_key("owner", {.label = "stray", .halves = Halves::private_only});
  EXPECT_EQ(signs(), "PV-TOK-016");
}

TEST_F(Token, AWrongPinIsTriedOnce) {
  soft.make_key("owner", {});
  ::setenv(kPinVariable, "9999", 1);
  pins.take_from_environment();
  EXPECT_EQ(signs(), "PV-TOK-011");
  EXPECT_EQ(signs(), "PV-TOK-011");
  auto key = open();
  EXPECT_EQ(signs(*key), "PV-TOK-011");
  EXPECT_EQ(signs(*key), "PV-TOK-011");
  EXPECT_EQ(broken.logins, 1);
}

TEST_F(Token, ALastTryIsNotUsedUp) {
  soft.make_key("owner", {});
  broken.list.C_GetTokenInfo = &flagged_token_info;
  broken.more_flags = CKF_USER_PIN_FINAL_TRY;
  EXPECT_EQ(signs(), "PV-TOK-013");
  broken.more_flags = CKF_USER_PIN_LOCKED;
  EXPECT_EQ(signs(), "PV-TOK-012");
  EXPECT_EQ(broken.logins, 0);
}

TEST_F(Token, WithAKeypadAsksItself) {
  soft.make_key("owner", {});
  broken.list.C_GetTokenInfo = &flagged_token_info;
  broken.more_flags = CKF_PROTECTED_AUTHENTICATION_PATH;
  ::setenv(kPinVariable, "9999", 1);  // not for it
  pins.take_from_environment();
  EXPECT_EQ(signs(), "good");
}

TEST_F(Token, KeysThatWantThePinEachTimeGetIt) {
  soft.make_key("owner", {.each_time = true});
  auto key = open();
  EXPECT_EQ(signs(*key), "good");
  EXPECT_EQ(signs(*key), "good");
  EXPECT_EQ(broken.logins, 3);
}

TEST_F(Token, ThatGoesAwayMidwaySignsNothing) {
  soft.make_key("owner", {});
  broken.list.C_Sign = &failing_sign;
  for (const CK_RV outcome : {CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED,
                              CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR, CKR_USER_NOT_LOGGED_IN}) {
    broken.outcome = outcome;
    EXPECT_EQ(signs(), "PV-TOK-014") << outcome;
  }
  broken.outcome = CKR_GENERAL_ERROR;
  EXPECT_EQ(signs(), "PV-TOK-015");
  broken.list.C_OpenSession = &failing_session;
  EXPECT_EQ(opened(), "PV-TOK-014");
}

TEST_F(Token, WhoseFilesAreGoneMidwaySignsNothing) {
  soft.make_key("owner", {});
  auto key = open();
  ASSERT_TRUE(key);
  soft.remove_token_files();
  const std::string outcome = signs(*key);
  EXPECT_NE(outcome, "good");
  EXPECT_TRUE(outcome.starts_with("PV-TOK-")) << outcome;
}

TEST_F(Token, ThatLiesIsNotBelieved) {
  soft.make_key("owner", {});
  broken.list.C_Sign = &sign_other_bytes;
  EXPECT_EQ(signs(), "PV-TOK-016");
  broken.list.C_Sign = &short_sign;
  EXPECT_EQ(signs(), "PV-TOK-015");
  broken.list.C_Sign = &sign_zeros;
  EXPECT_EQ(signs(), "PV-CRY-002");
  broken.list.C_Sign = broken.real->C_Sign;
  EXPECT_EQ(signs(), "good");
  broken.list.C_GetAttributeValue = &huge_attribute;
  EXPECT_EQ(opened(), "PV-TOK-015");
  broken.list.C_GetSlotList = &many_slots;
  EXPECT_EQ(opened(), "PV-TOK-015");
}

TEST_F(Token, AnotherVendorsBrokenModuleIsInNobodysWay) {
  soft.make_key("owner", {});
  broken.list.C_GetSlotList = &no_slots;
  EXPECT_EQ(opened(), "PV-TOK-015");
  auto key = TokenKey::open(*KeyUri::parse("pkcs11:token=owner;object=apps"),
                            {&broken.list, soft.module()});
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(signs(*key), "good");
  const std::vector<CK_FUNCTION_LIST*> many(kModulesMax + 1, soft.module());
  EXPECT_EQ(TokenKey::open(*KeyUri::parse("pkcs11:"), many).error().code(), "PV-TOK-003");
}

}  // namespace
}  // namespace pavise::cli::pkcs11
