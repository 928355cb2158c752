// A whole signed package with one small program in it, for tests.
#pragma once

#include <gtest/gtest.h>

#include "protocol/erofs/testing/images.h"
#include "protocol/image/draft.h"

namespace pavise::image::testing {

inline constexpr std::string_view kManifest =
    R"({"schema_version":1,"name":"blink","component_id":"6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01",)"
    R"("version":"1.2.3","security_epoch":4,"entry_point":"/app/bin/blink",)"
    R"("capabilities":{"device_authentication":"acme"},)"
    R"("budgets":{"memory_kib":1024,"cpu_percent":10,"processes":2}})";

// Made once; keys are expensive under a sanitizer.
inline const crypto::P256PrivateKey& owner_key() {
  static const crypto::P256PrivateKey key = *crypto::P256PrivateKey::generate();
  return key;
}
inline std::vector<crypto::P256PublicKey> owner_keys() {
  return {owner_key().public_key()};
}

inline const Bytes& content() {
  static const Bytes image = [] {
    const erofs::testing::Folder folder;
    folder.write("app/bin/blink", std::string(9000, 'b'), 0755);
    std::filesystem::create_symlink("bin/blink", folder / "app/start");
    return erofs::testing::image_of(folder);
  }();
  return image;
}

inline Parts parts() {
  return {.manifest = as_bytes(kManifest),
          .content = content(),
          .tenant = *TenantId::parse("acme"),
          .sbom_digest = crypto::sha256(as_bytes("sbom")),
          .needs = {{"x86-64", 1}, {"pavise-app", 1}},
          .owner_key_id = key_id(owner_key().public_key())};
}

inline void sign(Header& header, const crypto::P256PrivateKey& key) {
  header.signature = *key.sign_digest(crypto::sha256(header.signed_bytes()));
}

struct File {
  Header header;
  Bytes bytes;
};
inline File package(const Parts& from = parts()) {
  auto draft = draft_package(from);
  EXPECT_TRUE(draft) << draft.error().message();
  sign(draft->header, owner_key());
  Bytes out = package_front(draft->header, from.manifest);
  append(out, draft->tree);
  append(out, from.content);
  return {draft->header, std::move(out)};
}

// Signs the header of a package again, after it was changed.
inline void sign_again(Bytes& package) {
  const auto signature =
      owner_key().sign_digest(crypto::sha256(ByteView(package).first(kSignedBytes)));
  std::ranges::copy(*signature, package.begin() + kSignedBytes);
}

}  // namespace pavise::image::testing
