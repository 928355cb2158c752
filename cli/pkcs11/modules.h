// The PKCS#11 modules of this machine.
#pragma once

#include <p11-kit/pkcs11.h>

#include <vector>

#include "cli/pkcs11/key_uri.h"

namespace pavise::cli::pkcs11 {

// Loaded modules: code of their makers in this process. Finished and unloaded with the object.
class Modules {
 public:
  // The one that the URI names by its path, else all that are registered with p11-kit
  // (/usr/share/p11-kit/modules, /etc/pkcs11, ~/.config/pkcs11). Blocks on disk and readers.
  // kNoModule.
  static Result<Modules> load(const KeyUri& uri);
  Modules(Modules&& other) noexcept;
  Modules& operator=(Modules&&) = delete;
  ~Modules();

  const std::vector<CK_FUNCTION_LIST*>& list() const { return list_; }

 private:
  Modules() = default;
  CK_FUNCTION_LIST* single_ = nullptr;
  CK_FUNCTION_LIST** registered_ = nullptr;
  std::vector<CK_FUNCTION_LIST*> list_;
};

}  // namespace pavise::cli::pkcs11
