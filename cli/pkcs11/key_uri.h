// The name of a key in a token (RFC 7512).
#pragma once

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace pavise::cli::pkcs11 {

inline constexpr std::string_view kUriBegin = "pkcs11:";
inline constexpr std::size_t kUriBytesMax = 4096;

// True for what is meant as such a name, also if it is none that parses.
bool is_key_uri(std::string_view text);

// Immutable. Functions are pure.
class KeyUri {
 public:
  // kBadUri for what is not understood as a whole, since a part that were left out could have told
  // two keys apart; for another type than private or public; for a module-path that is not
  // absolute; for a pin-source that is no file. kPinInUri.
  static Result<KeyUri> parse(const std::string& text);

  bool means(const CK_INFO& module) const;
  bool means(CK_SLOT_ID id, const CK_SLOT_INFO& slot) const;
  bool means(const CK_TOKEN_INFO& token) const;
  const std::optional<Bytes>& label() const { return label_; }  // of the key
  const std::optional<Bytes>& id() const { return id_; }
  const std::string& pin_file() const { return pin_file_; }        // "": none is named
  const std::string& module_path() const { return module_path_; }  // "": those that are registered

 private:
  struct Free {
    void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
  };
  explicit KeyUri(P11KitUri* uri) : uri_(uri) {}
  Status read();

  std::unique_ptr<P11KitUri, Free> uri_;
  std::optional<Bytes> label_, id_;
  std::string pin_file_, module_path_;
};

}  // namespace pavise::cli::pkcs11
