// A token of SoftHSM in a folder of its own, with what a test wants in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/pkcs11/modules.h"

namespace pavise::cli::pkcs11::testing {

inline constexpr const char* kSoftModule = "/usr/lib/softhsm/libsofthsm2.so";
inline constexpr const char* kPin = "1234";

enum class Kind { p256, p384, rsa };
enum class Halves { both, public_only, private_only };

struct KeyWish {
  std::string label = "apps";
  std::string id = "\x01";
  Kind kind = Kind::p256;
  Halves halves = Halves::both;
  bool each_time = false;  // CKA_ALWAYS_AUTHENTICATE
};

// One at a time in a process: SOFTHSM2_CONF is set while it lives. Failures abort the test program.
class SoftToken {
 public:
  SoftToken();
  ~SoftToken();
  SoftToken(const SoftToken&) = delete;
  SoftToken& operator=(const SoftToken&) = delete;

  void make_token(const std::string& label);
  void make_key(const std::string& token, const KeyWish& wish);
  void remove_token_files() const;  // as if it were pulled out

  const std::filesystem::path& folder() const { return folder_; }
  CK_FUNCTION_LIST* module() const { return modules_->list()[0]; }

 private:
  CK_SLOT_ID slot_of(const std::string& label) const;

  std::filesystem::path folder_;
  std::optional<Modules> modules_;
};

// The name of a key in it.
std::string soft_uri(const std::string& path, const std::string& query = {});

}  // namespace pavise::cli::pkcs11::testing
