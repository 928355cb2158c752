#include "cli/pkcs11/key_uri.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "cli/pkcs11/errors.h"

namespace pavise::cli::pkcs11 {
namespace {

constexpr std::string_view kFileScheme = "file:";
constexpr CK_SLOT_ID kAnySlot = static_cast<CK_SLOT_ID>(-1);

std::optional<Bytes> attribute(P11KitUri* uri, CK_ATTRIBUTE_TYPE type) {
  const CK_ATTRIBUTE* const found = p11_kit_uri_get_attribute(uri, type);
  if (found == nullptr) return std::nullopt;
  const auto* const bytes = static_cast<const std::byte*>(found->pValue);
  return Bytes(bytes, bytes + found->ulValueLen);
}

// p11-kit takes the last of two with one name; a person who reads the first would mean another key.
bool names_twice(std::string_view uri) {
  std::set<std::string_view> names;
  uri.remove_prefix(std::min(uri.size(), kUriBegin.size()));
  while (!uri.empty()) {
    const std::string_view part = uri.substr(0, uri.find_first_of(";?&"));
    if (!names.insert(part.substr(0, part.find('='))).second) return true;
    uri.remove_prefix(std::min(uri.size(), part.size() + 1));
  }
  return false;
}

// file:/a, file:///a and /a; nothing that would be run or fetched.
Result<std::string> file_of(std::string_view source) {
  if (source.starts_with(kFileScheme)) source.remove_prefix(kFileScheme.size());
  if (source.starts_with("///")) source.remove_prefix(2);
  if (source.empty() || source.starts_with("//") || source.starts_with("|") ||
      (!source.starts_with("/") && source.contains(':')))
    return Error(kBadUri, "pin-source is no file");
  return std::string(source);
}

}  // namespace

bool is_key_uri(std::string_view text) {
  return text.starts_with(kUriBegin);
}

Result<KeyUri> KeyUri::parse(const std::string& text) {
  if (text.size() > kUriBytesMax)
    return Error(kBadUri, "more than " + std::to_string(kUriBytesMax) + " bytes");
  if (text.contains('\0')) return Error(kBadUri, "a zero byte");
  if (names_twice(text)) return Error(kBadUri, "a part is given twice");
  KeyUri out(p11_kit_uri_new());
  if (!out.uri_) return Error(kBadUri, "no memory");
  const int failed = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, out.uri_.get());
  if (failed != P11_KIT_URI_OK) return Error(kBadUri, p11_kit_uri_message(failed));
  PAVISE_TRY(out.read());
  return out;
}

Status KeyUri::read() {
  P11KitUri* const uri = uri_.get();
  if (p11_kit_uri_get_pin_value(uri) != nullptr) return kPinInUri;
  if (p11_kit_uri_any_unrecognized(uri) != 0) return Error(kBadUri, "a part of it is not known");
  if (p11_kit_uri_get_module_name(uri) != nullptr)
    return Error(kBadUri, "module-name is not supported; use module-path");
  if (const auto type = attribute(uri, CKA_CLASS)) {
    CK_OBJECT_CLASS value = 0;
    if (type->size() == sizeof value) std::memcpy(&value, type->data(), sizeof value);
    if (value != CKO_PRIVATE_KEY && value != CKO_PUBLIC_KEY)
      return Error(kBadUri, "type is neither private nor public");
  }
  label_ = attribute(uri, CKA_LABEL);
  id_ = attribute(uri, CKA_ID);
  if (const char* const path = p11_kit_uri_get_module_path(uri)) {
    module_path_ = path;
    if (!module_path_.starts_with('/')) return Error(kBadUri, "module-path is not absolute");
  }
  if (const char* const source = p11_kit_uri_get_pin_source(uri)) {
    PAVISE_TRY_ASSIGN(pin_file_, file_of(source));
  }
  return {};
}

bool KeyUri::means(const CK_INFO& module) const {
  return p11_kit_uri_match_module_info(uri_.get(), &module) != 0;
}

bool KeyUri::means(CK_SLOT_ID id, const CK_SLOT_INFO& slot) const {
  const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri_.get());
  return (wanted == kAnySlot || wanted == id) &&
         p11_kit_uri_match_slot_info(uri_.get(), &slot) != 0;
}

bool KeyUri::means(const CK_TOKEN_INFO& token) const {
  return p11_kit_uri_match_token_info(uri_.get(), &token) != 0;
}

}  // namespace pavise::cli::pkcs11
