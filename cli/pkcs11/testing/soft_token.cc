#include "cli/pkcs11/testing/soft_token.h"

#include <p11-kit/p11-kit.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <fstream>

namespace pavise::cli::pkcs11::testing {
namespace {

constexpr const char* kOfficerPin = "0000";
// Named curves in DER.
constexpr std::string_view kP256("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
constexpr std::string_view kP384("\x06\x05\x2b\x81\x04\x00\x22", 7);

void must(CK_RV outcome, const char* what) {
  if (outcome != CKR_OK) std::fprintf(stderr, "%s: %s\n", what, p11_kit_strerror(outcome));
  PAVISE_CHECK(outcome == CKR_OK);
}

unsigned char* text(const char* value) {
  return reinterpret_cast<unsigned char*>(const_cast<char*>(value));
}

template <class T>
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, std::string_view value) {
  return {type, const_cast<char*>(value.data()), value.size()};
}

}  // namespace

std::string soft_uri(const std::string& path, const std::string& query) {
  return "pkcs11:" + path + "?module-path=" + kSoftModule + (query.empty() ? "" : "&" + query);
}

SoftToken::SoftToken() {
  std::string pattern = std::filesystem::temp_directory_path() / "pavise-token-XXXXXX";
  PAVISE_CHECK(::mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  std::filesystem::create_directory(folder_ / "tokens");
  std::ofstream(folder_ / "softhsm2.conf")
      << "directories.tokendir = " << (folder_ / "tokens").string() << "\nlog.level = ERROR\n";
  ::setenv("SOFTHSM2_CONF", (folder_ / "softhsm2.conf").c_str(), 1);
  const auto uri = KeyUri::parse(soft_uri(""));
  PAVISE_CHECK(uri.has_value());
  auto modules = Modules::load(*uri);
  if (!modules) std::fprintf(stderr, "%s\n", modules.error().message().c_str());
  PAVISE_CHECK(modules.has_value());
  modules_.emplace(*std::move(modules));
}

SoftToken::~SoftToken() {
  modules_.reset();
  ::unsetenv("SOFTHSM2_CONF");
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

CK_SLOT_ID SoftToken::slot_of(const std::string& label) const {
  std::array<CK_SLOT_ID, 16> slots{};
  CK_ULONG count = slots.size();
  must(module()->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  for (const CK_SLOT_ID slot : std::span(slots).first(count)) {
    CK_TOKEN_INFO info{};
    must(module()->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
    const bool is_free = (info.flags & CKF_TOKEN_INITIALIZED) == 0;
    const std::string_view name(reinterpret_cast<const char*>(info.label),
                                p11_kit_space_strlen(info.label, sizeof info.label));
    if (label.empty() ? is_free : !is_free && name == label) return slot;
  }
  PAVISE_CHECK(false);
  return 0;
}

void SoftToken::make_token(const std::string& label) {
  std::string padded = label;
  padded.resize(32, ' ');
  must(module()->C_InitToken(slot_of(""), text(kOfficerPin), 4, text(padded.c_str())),
       "C_InitToken");
  CK_SESSION_HANDLE session = 0;
  must(module()->C_OpenSession(slot_of(label), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                               nullptr, &session),
       "C_OpenSession");
  must(module()->C_Login(session, CKU_SO, text(kOfficerPin), 4), "C_Login");
  must(module()->C_InitPIN(session, text(kPin), 4), "C_InitPIN");
  must(module()->C_CloseSession(session), "C_CloseSession");
}

void SoftToken::make_key(const std::string& token, const KeyWish& wish) {
  CK_SESSION_HANDLE session = 0;
  must(module()->C_OpenSession(slot_of(token), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                               nullptr, &session),
       "C_OpenSession");
  must(module()->C_Login(session, CKU_USER, text(kPin), 4), "C_Login");
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL each_time = wish.each_time ? CK_TRUE : CK_FALSE;
  CK_ULONG bits = 2048;
  std::vector<CK_ATTRIBUTE> of_public{attribute(CKA_TOKEN, yes), attribute(CKA_VERIFY, yes),
                                      attribute(CKA_LABEL, std::string_view(wish.label)),
                                      attribute(CKA_ID, std::string_view(wish.id))};
  if (wish.kind == Kind::rsa)
    of_public.push_back(attribute(CKA_MODULUS_BITS, bits));
  else
    of_public.push_back(attribute(CKA_EC_PARAMS, wish.kind == Kind::p256 ? kP256 : kP384));
  std::vector<CK_ATTRIBUTE> of_private{attribute(CKA_TOKEN, yes),
                                       attribute(CKA_SIGN, yes),
                                       attribute(CKA_SENSITIVE, yes),
                                       attribute(CKA_PRIVATE, yes),
                                       attribute(CKA_ALWAYS_AUTHENTICATE, each_time),
                                       attribute(CKA_LABEL, std::string_view(wish.label)),
                                       attribute(CKA_ID, std::string_view(wish.id))};
  CK_MECHANISM how{wish.kind == Kind::rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN,
                   nullptr, 0};
  CK_OBJECT_HANDLE public_half = 0;
  CK_OBJECT_HANDLE private_half = 0;
  must(module()->C_GenerateKeyPair(session, &how, of_public.data(), of_public.size(),
                                   of_private.data(), of_private.size(), &public_half,
                                   &private_half),
       "C_GenerateKeyPair");
  if (wish.halves == Halves::public_only)
    must(module()->C_DestroyObject(session, private_half), "C_DestroyObject");
  if (wish.halves == Halves::private_only)
    must(module()->C_DestroyObject(session, public_half), "C_DestroyObject");
  must(module()->C_CloseSession(session), "C_CloseSession");
}

void SoftToken::remove_token_files() const {
  std::filesystem::remove_all(folder_ / "tokens");
}

}  // namespace pavise::cli::pkcs11::testing
