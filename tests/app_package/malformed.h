// Packages with one thing wrong each, which their owner signed all the same: what a build that was
// tampered with makes. One table for the readers on this machine and for a device.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/image/header.h"

namespace pavise::app_package {

// Whoever signs without looking.
struct Signer {
  const crypto::P256PrivateKey& key;
  TenantId tenant;  // of four letters
};

// The good manifest, of an app that is the signer's tenant's.
std::string good_manifest(const Signer& signer);
Bytes signed_blindly(const Signer& signer, std::string_view manifest, const Bytes& content,
                     const std::vector<image::AbiNeed>& needs = {{"pavise-app", 1}});

// A case of the manifest's own suite.
struct RefusedManifest {
  std::string name, text, code;
};
std::vector<RefusedManifest> refused_manifests();

// A root folder with app/bin/blink in it that nobody may have as an app's content.
struct RefusedRoot {
  const char* what;
  void (*change)(const std::filesystem::path& root);
  const char* code;
};
std::vector<RefusedRoot> refused_roots();

struct Malformed {
  std::string what;
  std::string code;     // the refusal's; of a content's rule that rule's own
  bool in_file = true;  // false: only a device can say it, by its owner's keys or what it offers
  Bytes bytes = {};
};
// Every case above and each field of the header, the parts and the file system. Runs mkfs.erofs; is
// started in the root of the tree.
std::vector<Malformed> malformed_packages(const Signer& signer);

}  // namespace pavise::app_package
