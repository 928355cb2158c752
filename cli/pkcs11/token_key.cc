#include "cli/pkcs11/token_key.h"

#include <p11-kit/p11-kit.h>

#include <array>

#include "cli/pkcs11/ec_point.h"
#include "cli/pkcs11/errors.h"

namespace pavise::cli::pkcs11 {
namespace {

Error error_of(CK_RV failed, const char* call) {
  const std::string detail = std::string(call) + ": " + p11_kit_strerror(failed);
  switch (failed) {
    case CKR_DEVICE_REMOVED:
    case CKR_DEVICE_ERROR:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_USER_NOT_LOGGED_IN:
      return {kTokenGone, detail};
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return {kWrongPin, detail};
    case CKR_PIN_LOCKED:
      return {kPinLocked, detail};
    default:
      return {kTokenFailed, detail};
  }
}

// Text of a fixed width, filled with spaces.
template <std::size_t N>
std::string text_of(const CK_UTF8CHAR (&field)[N]) {
  return {reinterpret_cast<const char*>(field), p11_kit_space_strlen(field, N)};
}

CK_ATTRIBUTE wanted(CK_ATTRIBUTE_TYPE type, ByteView value) {
  // Modules take templates of C_FindObjectsInit as input only.
  return {type, const_cast<std::byte*>(value.data()), value.size()};
}

struct Token {
  CK_FUNCTION_LIST* module;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
};

Result<std::vector<CK_SLOT_ID>> slots_of(CK_FUNCTION_LIST* module) {
  CK_ULONG count = 0;
  if (const CK_RV failed = module->C_GetSlotList(CK_TRUE, nullptr, &count); failed != CKR_OK)
    return error_of(failed, "C_GetSlotList");
  if (count > kSlotsMax) return Error(kTokenFailed, "a module with too many slots");
  std::vector<CK_SLOT_ID> out(count);
  const CK_RV failed = module->C_GetSlotList(CK_TRUE, out.data(), &count);
  if (failed != CKR_OK) return error_of(failed, "C_GetSlotList");
  out.resize(std::min<std::size_t>(count, out.size()));
  return out;
}

// The tokens of one module that the URI means; names of the others go to `others`.
Status find_in(CK_FUNCTION_LIST* module, const KeyUri& uri, std::vector<Token>& out,
               std::string& others) {
  CK_INFO about{};
  if (module->C_GetInfo(&about) != CKR_OK || !uri.means(about)) return {};
  PAVISE_TRY_ASSIGN(const auto slots, slots_of(module));
  for (const CK_SLOT_ID id : slots) {
    CK_SLOT_INFO slot{};
    CK_TOKEN_INFO token{};
    // A reader without a card, or with one of another kind, is none of ours.
    if (module->C_GetSlotInfo(id, &slot) != CKR_OK ||
        module->C_GetTokenInfo(id, &token) != CKR_OK || (token.flags & CKF_TOKEN_INITIALIZED) == 0)
      continue;
    if (uri.means(id, slot) && uri.means(token))
      out.push_back({module, id, token});
    else
      others += (others.empty() ? "" : ", ") + text_of(token.label);
  }
  return {};
}

std::string names_of(const std::vector<Token>& tokens) {
  std::string out;
  for (const Token& token : tokens)
    out += (out.empty() ? "" : ", ") + text_of(token.info.label) + " (serial " +
           text_of(token.info.serialNumber) + ")";
  return out;
}

Result<Token> find_token(const KeyUri& uri, const std::vector<CK_FUNCTION_LIST*>& modules) {
  if (modules.size() > kModulesMax) return Error(kNoModule, "too many are registered");
  std::vector<Token> found;
  std::string others;
  std::optional<Error> failed;
  for (CK_FUNCTION_LIST* module : modules) {
    // One vendor's broken module is in nobody's way but its own token's.
    if (Status status = find_in(module, uri, found, others); !status && !failed)
      failed = status.error();
  }
  if (found.size() > 1) return Error(kSeveralTokens, names_of(found));
  if (found.size() == 1) return found[0];
  if (failed) return *failed;
  return Error(kNoToken, others.empty() ? "there is none at all" : "there are: " + others);
}

// A session, read-only. Closing it logs out, since it is the only one.
class TokenSession {
 public:
  explicit TokenSession(const Token& token) : module_(token.module) {}
  TokenSession(const TokenSession&) = delete;
  TokenSession& operator=(const TokenSession&) = delete;
  ~TokenSession() {
    if (handle_ != CK_INVALID_HANDLE) (void)module_->C_CloseSession(handle_);
  }

  Status begin(CK_SLOT_ID slot) {
    const CK_RV failed =
        module_->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &handle_);
    if (failed == CKR_OK) return {};
    handle_ = CK_INVALID_HANDLE;
    return error_of(failed, "C_OpenSession");
  }

  // PIN of no bytes: the token asks by itself.
  CK_RV login(CK_USER_TYPE user, ByteView pin) const {
    return module_->C_Login(handle_, user,
                            pin.empty() ? nullptr : const_cast<unsigned char*>(as_uchar(pin)),
                            pin.size());
  }

  Result<std::vector<CK_OBJECT_HANDLE>> find(std::span<CK_ATTRIBUTE> like) const {
    if (const CK_RV failed = module_->C_FindObjectsInit(handle_, like.data(), like.size());
        failed != CKR_OK)
      return error_of(failed, "C_FindObjectsInit");
    std::vector<CK_OBJECT_HANDLE> out;
    CK_RV failed = CKR_OK;
    while (out.size() < kKeysMax) {
      CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
      CK_ULONG count = 0;
      failed = module_->C_FindObjects(handle_, &object, 1, &count);
      if (failed != CKR_OK || count != 1) break;
      out.push_back(object);
    }
    (void)module_->C_FindObjectsFinal(handle_);
    if (failed != CKR_OK) return error_of(failed, "C_FindObjects");
    return out;
  }

  // Empty if the object has none.
  Result<Bytes> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
    CK_ATTRIBUTE asked{type, nullptr, 0};
    CK_RV failed = module_->C_GetAttributeValue(handle_, object, &asked, 1);
    if (failed == CKR_ATTRIBUTE_TYPE_INVALID || failed == CKR_ATTRIBUTE_SENSITIVE) return Bytes{};
    if (failed != CKR_OK) return error_of(failed, "C_GetAttributeValue");
    if (asked.ulValueLen > kAttributeBytesMax)
      return Error(kTokenFailed, "an attribute of " + std::to_string(asked.ulValueLen) + " bytes");
    Bytes out(asked.ulValueLen);
    asked.pValue = out.data();
    failed = module_->C_GetAttributeValue(handle_, object, &asked, 1);
    if (failed != CKR_OK) return error_of(failed, "C_GetAttributeValue");
    out.resize(std::min<std::size_t>(asked.ulValueLen, out.size()));
    return out;
  }

  template <class T>
  Result<std::optional<T>> number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
    PAVISE_TRY_ASSIGN(const Bytes bytes, attribute(object, type));
    T out{};
    if (bytes.size() != sizeof out) return std::optional<T>{};
    std::memcpy(&out, bytes.data(), sizeof out);
    return std::optional<T>(out);
  }

  CK_RV sign_begin(CK_OBJECT_HANDLE key) const {
    CK_MECHANISM ecdsa{CKM_ECDSA, nullptr, 0};
    return module_->C_SignInit(handle_, &ecdsa, key);
  }

  Result<crypto::EcdsaRaw> sign(Digest256 digest) const {
    std::array<std::byte, 128> room{};  // for what a wrong token would give, too
    const std::span<std::byte> in = digest;
    const std::span<std::byte> out = room;
    CK_ULONG size = out.size();
    const CK_RV failed = module_->C_Sign(handle_, as_uchar(in), in.size(), as_uchar(out), &size);
    if (failed != CKR_OK) return error_of(failed, "C_Sign");
    if (size != std::tuple_size_v<crypto::EcdsaRaw>)
      return Error(kTokenFailed, "a signature of " + std::to_string(size) + " bytes");
    return crypto::ecdsa_from_integers(out.first(32), out.subspan(32, 32));
  }

 private:
  CK_FUNCTION_LIST* module_;
  CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
};

// Objects of one class that have the label and the id, as far as those are given.
Result<std::vector<CK_OBJECT_HANDLE>> find_keys(const TokenSession& session, CK_OBJECT_CLASS kind,
                                                const std::optional<Bytes>& label,
                                                const std::optional<Bytes>& id) {
  std::vector<CK_ATTRIBUTE> like{wanted(CKA_CLASS, std::as_bytes(std::span(&kind, 1)))};
  if (label) like.push_back(wanted(CKA_LABEL, *label));
  if (id) like.push_back(wanted(CKA_ID, *id));
  return session.find(like);
}

Error several(const TokenSession& session, const std::vector<CK_OBJECT_HANDLE>& keys) {
  std::string ids;
  for (const CK_OBJECT_HANDLE key : keys) {
    const auto label = session.attribute(key, CKA_LABEL);
    const auto id = session.attribute(key, CKA_ID);
    ids += (ids.empty() ? "" : ", ") + (label ? std::string(as_text(*label)) : "?") + " with id " +
           (id ? to_hex(*id) : "?");
  }
  return {kSeveralKeys, ids};
}

// That the object is an EC key on P-256.
Status check_kind(const TokenSession& session, CK_OBJECT_HANDLE key) {
  PAVISE_TRY_ASSIGN(const auto type, session.number<CK_KEY_TYPE>(key, CKA_KEY_TYPE));
  if (type != CKK_EC) return Error(kOtherKind, "it is no key of an elliptic curve");
  PAVISE_TRY_ASSIGN(const Bytes curve, session.attribute(key, CKA_EC_PARAMS));
  if (!is_p256(curve)) return Error(kOtherKind, "its curve is " + to_hex(curve) + " in DER");
  return {};
}

}  // namespace

struct TokenKey::Impl {
  Impl(KeyUri name, const Token& found) : uri(std::move(name)), token(found), session(found) {}

  std::optional<Modules> modules;  // the session ends before they do
  KeyUri uri;
  Token token;
  TokenSession session;
  Bytes id;
  bool logged_in = false;

  std::string name() const {
    return text_of(token.info.label) + " (serial " + text_of(token.info.serialNumber) + ")";
  }
  bool asks_itself() const { return (token.info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0; }

  Result<crypto::P256PublicKey> find_public_half() {
    PAVISE_TRY_ASSIGN(const auto found, find_keys(session, CKO_PUBLIC_KEY, uri.label(), uri.id()));
    if (found.empty()) return Error(kNoKey, "no public key of this name in the token " + name());
    if (found.size() > 1) return several(session, found);
    PAVISE_TRY(check_kind(session, found[0]));
    PAVISE_TRY_ASSIGN(const Bytes point, session.attribute(found[0], CKA_EC_POINT));
    PAVISE_TRY_ASSIGN(id, session.attribute(found[0], CKA_ID));
    return parse_ec_point(point);
  }

  // By the id of the public half; by the name where the token gives keys no ids.
  Result<CK_OBJECT_HANDLE> find_private_half() const {
    PAVISE_TRY_ASSIGN(const auto found,
                      id.empty() ? find_keys(session, CKO_PRIVATE_KEY, uri.label(), std::nullopt)
                                 : find_keys(session, CKO_PRIVATE_KEY, std::nullopt, id));
    if (found.empty()) return Error(kNoKey, "no private key with the public key's id");
    if (found.size() > 1) return several(session, found);
    PAVISE_TRY(check_kind(session, found[0]));
    return found[0];
  }

  // The count of tries as it is now; another program may have used some up.
  Status check_tries() {
    if (const CK_RV failed = token.module->C_GetTokenInfo(token.slot, &token.info);
        failed != CKR_OK)
      return error_of(failed, "C_GetTokenInfo");
    if ((token.info.flags & CKF_USER_PIN_LOCKED) != 0) return Error(kPinLocked, name());
    if ((token.info.flags & CKF_USER_PIN_FINAL_TRY) != 0) return Error(kLastTry, name());
    return {};
  }

  Status login(CK_USER_TYPE user, ByteView pin, Pins& pins) const {
    const CK_RV failed = session.login(user, pin);
    if (failed == CKR_OK || failed == CKR_USER_ALREADY_LOGGED_IN) return {};
    Error why = error_of(failed, "C_Login");
    if (why.is(kWrongPin) || why.is(kPinLocked)) pins.refused(name());
    return why;
  }
};

TokenKey::TokenKey(std::unique_ptr<Impl> impl, crypto::P256PublicKey key)
    : impl_(std::move(impl)), public_key_(std::move(key)) {}
TokenKey::TokenKey(TokenKey&&) noexcept = default;
TokenKey::~TokenKey() = default;

Result<TokenKey> TokenKey::open(KeyUri uri) {
  PAVISE_TRY_ASSIGN(Modules modules, Modules::load(uri));
  PAVISE_TRY_ASSIGN(TokenKey out, open(std::move(uri), modules.list()));
  out.impl_->modules.emplace(std::move(modules));
  return out;
}

Result<TokenKey> TokenKey::open(KeyUri uri, const std::vector<CK_FUNCTION_LIST*>& modules) {
  PAVISE_TRY_ASSIGN(const Token token, find_token(uri, modules));
  auto impl = std::make_unique<Impl>(std::move(uri), token);
  PAVISE_TRY(impl->session.begin(token.slot));
  PAVISE_TRY_ASSIGN(crypto::P256PublicKey key, impl->find_public_half());
  return TokenKey(std::move(impl), std::move(key));
}

Result<crypto::EcdsaRaw> TokenKey::sign_digest(const Digest256& digest, Pins& pins) {
  SecretBytes pin;
  const bool needs_login = (impl_->token.info.flags & CKF_LOGIN_REQUIRED) != 0;
  if (needs_login && !impl_->logged_in) {
    PAVISE_TRY(impl_->check_tries());
    if (!impl_->asks_itself()) {
      PAVISE_TRY_ASSIGN(pin, pins.pin_for(impl_->uri, impl_->name()));
    }
    PAVISE_TRY(impl_->login(CKU_USER, pin.view(), pins));
    impl_->logged_in = true;
  }
  PAVISE_TRY_ASSIGN(const CK_OBJECT_HANDLE key, impl_->find_private_half());
  PAVISE_TRY_ASSIGN(const auto each_time,
                    impl_->session.number<CK_BBOOL>(key, CKA_ALWAYS_AUTHENTICATE));
  if (const CK_RV failed = impl_->session.sign_begin(key); failed != CKR_OK)
    return error_of(failed, "C_SignInit");
  if (each_time == CK_TRUE) {
    if (pin.empty() && !impl_->asks_itself()) {
      PAVISE_TRY_ASSIGN(pin, pins.pin_for(impl_->uri, impl_->name()));
    }
    PAVISE_TRY(impl_->login(CKU_CONTEXT_SPECIFIC, pin.view(), pins));
  }
  PAVISE_TRY_ASSIGN(const crypto::EcdsaRaw signature, impl_->session.sign(digest));
  if (!public_key_.verify_digest(digest, signature)) return Error(kNotItsPair, impl_->name());
  return signature;
}

}  // namespace pavise::cli::pkcs11
