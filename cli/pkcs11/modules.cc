#include "cli/pkcs11/modules.h"

#include <p11-kit/p11-kit.h>

#include <utility>

#include "cli/pkcs11/errors.h"

namespace pavise::cli::pkcs11 {
namespace {

std::string last_message(const std::string& otherwise) {
  const char* const message = p11_kit_message();
  return message == nullptr ? otherwise : message;
}

}  // namespace

Result<Modules> Modules::load(const KeyUri& uri) {
  p11_kit_be_quiet();
  Modules out;
  if (uri.module_path().empty()) {
    out.registered_ = p11_kit_modules_load_and_initialize(0);
    if (out.registered_ == nullptr) return Error(kNoModule, last_message("p11-kit"));
    for (CK_FUNCTION_LIST** module = out.registered_; *module != nullptr; ++module)
      out.list_.push_back(*module);
    if (out.list_.empty()) return Error(kNoModule, "none is registered with p11-kit");
    return out;
  }
  CK_FUNCTION_LIST* const module =
      p11_kit_module_load(uri.module_path().c_str(), P11_KIT_MODULE_CRITICAL);
  if (module == nullptr) return Error(kNoModule, last_message(uri.module_path()));
  if (const CK_RV failed = p11_kit_module_initialize(module); failed != CKR_OK) {
    p11_kit_module_release(module);
    return Error(kNoModule, uri.module_path() + ": " + p11_kit_strerror(failed));
  }
  out.single_ = module;
  out.list_.push_back(module);
  return out;
}

Modules::Modules(Modules&& other) noexcept
    : single_(std::exchange(other.single_, nullptr)),
      registered_(std::exchange(other.registered_, nullptr)),
      list_(std::move(other.list_)) {}

Modules::~Modules() {
  if (single_ != nullptr) {
    (void)p11_kit_module_finalize(single_);
    p11_kit_module_release(single_);
  }
  if (registered_ != nullptr) p11_kit_modules_finalize_and_release(registered_);
}

}  // namespace pavise::cli::pkcs11
