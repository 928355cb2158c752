// What is wrong with a package, the code that says so, and the earliest place where it is said: the
// owner's build; anybody who has the file (`pavise app show`, and who sends it to a device); the
// device that it comes to. A later place says the same code.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "cli/app/build.h"
#include "cli/app/owner_key.h"
#include "cli/app/testing/elf_files.h"
#include "device/apps/installation/installation.h"
#include "device/apps/packages/content_inspection.h"
#include "protocol/image/testing/packages.h"
#include "tests/app_package/malformed.h"

namespace pavise::device {
namespace {

using app_package::Malformed;
using app_package::RefusedManifest;
using app_package::RefusedRoot;
using app_package::Signer;
using erofs::testing::Folder;
using image::testing::kManifest;

constexpr uid_t kNobody = 65534;
const std::string kNone;  // no refusal

// The codes of the three places; empty: accepted.
struct Said {
  std::string build, file, device;
  bool operator==(const Said&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Said& said) {
  return out << "build " << said.build << ", file " << said.file << ", device " << said.device;
}

std::string code_of(const Error& error) {
  // What the inspecting child said has the rule's own code in front.
  return error.is(kContentRefused) ? error.detail().substr(0, 10) : std::string(error.code());
}
template <class T>
std::string code_of(const Result<T>& outcome) {
  return outcome ? kNone : code_of(outcome.error());
}
std::string code_of(const Status& outcome) {
  return outcome ? kNone : code_of(outcome.error());
}

std::string replaced(std::string text, std::string_view old, std::string_view with) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), with);
}

Signer owner(const std::string& tenant = "acme") {
  return {image::testing::owner_key(), *TenantId::parse(tenant)};
}

class Refusals : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for the device's inspection";
    ASSERT_TRUE(cli::app::create_owner_key(shop_ / "owner.pem"));
  }

  // A folder that is built, with one thing changed.
  std::string build(const std::function<void(const Folder&)>& change,
                    std::string_view manifest = kManifest) const {
    std::filesystem::remove_all(shop_ / "app");
    shop_.write("app/app_manifest.json", std::string(manifest));
    shop_.write("app/root/app/bin/blink", cli::app::testing::elf_file(), 0755);
    change(shop_);
    return code_of(cli::app::build_package({.folder = shop_ / "app",
                                            .key = shop_ / "owner.pem",
                                            .tenant = *TenantId::parse("acme"),
                                            .binary = {},
                                            .sbom = {},
                                            .out = {},
                                            .sdk = {}}));
  }
  static std::string file(const Bytes& bytes) {
    const auto package = image::Package::read_unverified(bytes, bytes.size());
    if (!package) return code_of(package);
    image::ContentVerifier verifier(package->header());
    if (const Status fed = verifier.feed(ByteView(bytes).subspan(package->header().tree_offset()));
        !fed)
      return code_of(fed);
    return code_of(
        image::inspect_content(ByteView(bytes).subspan(package->header().content_offset()),
                               package->manifest().entry_point));
  }
  // When it is sent to a device that has apps with these manifests.
  std::string device(const Bytes& bytes, const std::vector<std::string>& others = {},
                     const std::vector<crypto::P256PublicKey>& keys = image::testing::owner_keys(),
                     const EpochFloors& floors = {}) const {
    std::vector<manifest::Manifest> there;
    there.reserve(others.size());
    for (const std::string& text : others)
      there.push_back(*manifest::Manifest::parse(as_bytes(text)));
    device_.write("sent.pvimage", std::string(as_text(bytes)));
    const InstallRules rules{.owner = {*TenantId::parse("acme"), keys},
                             .hardware = {},
                             .inspector = kNobody,
                             .floors = floors};
    return code_of(judge_deployed(device_ / "sent.pvimage", rules, std::move(there)));
  }

 private:
  Folder shop_, device_;
};

const auto kNoChange = [](const Folder&) {};

TEST_F(Refusals, NothingIsWrongWithAGoodOne) {
  EXPECT_EQ(build(kNoChange), kNone);
  const Bytes good = app_package::signed_blindly(owner(), kManifest, image::testing::content());
  EXPECT_EQ(file(good), kNone);
  EXPECT_EQ(device(good), kNone);
}

TEST_F(Refusals, ManifestsAtTheBuild) {
  for (const RefusedManifest& row : app_package::refused_manifests())
    EXPECT_EQ(build(kNoChange, row.text), row.code) << row.name;
}

TEST_F(Refusals, ContentAtTheBuild) {
  for (const RefusedRoot& row : app_package::refused_roots())
    EXPECT_EQ(build([&row](const Folder& shop) { row.change(shop / "app/root"); }), row.code)
        << row.what;
}

// With what a build refuses, past the build. The same table on a device: tests/e2e/apps_test.py.
TEST_F(Refusals, WhatNoBuildWritesInTheFile) {
  for (const Malformed& row : app_package::malformed_packages(owner())) {
    EXPECT_EQ(file(row.bytes), row.in_file ? row.code : kNone) << row.what;
    EXPECT_EQ(device(row.bytes), row.code) << row.what;
  }
}

// Programs that would end at their start: no rule of the device's, so nobody else would say it.
TEST_F(Refusals, ProgramsThatCannotRunAtTheBuildOnly) {
  EXPECT_EQ(
      build([](const Folder& shop) { shop.write("app/root/app/bin/blink", "#!/bin/sh\n", 0755); }),
      "PV-APP-004");
  EXPECT_EQ(build([](const Folder& shop) {
              shop.write("app/root/app/bin/blink",
                         cli::app::testing::elf_file(EM_X86_64, "/lib64/ld.so"), 0755);
            }),
            "PV-APP-005");
  EXPECT_EQ(build([](const Folder& shop) {
              shop.write("app/root/app/bin/blink",
                         cli::app::testing::elf_file_with({"libc.so.6"}, "/lib/ld.so"), 0755);
              shop.write("app/root/lib/ld.so", "loader", 0755);
            }),
            "PV-APP-030");
}

// What depends on the device and on what it has: only there, or by `pavise app check A B` before.
TEST_F(Refusals, WhatOnlyTheDeviceKnows) {
  const auto manifest = [](const std::string& name, char number, const std::string& capabilities,
                           const std::string& more = {}) {
    std::string out = replaced(std::string(kManifest), "blink", name);
    out = replaced(out, "3e01", std::string("3e0") + number);
    out = replaced(out, R"({"device_authentication":"acme"})", capabilities);
    return out.insert(1, more);
  };
  const auto made = [](const std::string& text) {
    return app_package::signed_blindly(owner(), text, image::testing::content());
  };
  const std::string port = R"({"listening_tcp":[80]})";
  const std::string first = manifest("one", '1', port);
  const std::string after = R"("lifecycle":{"start_after":["6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e0)";
  const struct {
    const char* what;
    Bytes bytes;
    std::vector<std::string> others;
    const char* code;
  } rows[] = {
      {"another tenant's",
       app_package::signed_blindly(owner("globex"), manifest("one", '1', "{}"),
                                   image::testing::content()),
       {},
       "PV-INS-001"},
      {"a pin that it lacks", made(manifest("two", '2', R"({"gpio":["LED1"]})")), {}, "PV-APL-001"},
      {"the same name", made(manifest("one", '2', "{}")), {first}, "PV-MAN-020"},
      {"the same port", made(manifest("two", '2', port)), {first}, "PV-MAN-022"},
      {"a circle of starts",
       made(manifest("two", '2', "{}", after + "1\"]},")),
       {manifest("one", '1', "{}", after + "2\"]},")},
       "PV-MAN-024"},
  };
  for (const auto& row : rows)
    EXPECT_EQ((Said{kNone, file(row.bytes), device(row.bytes, row.others)}),
              (Said{kNone, kNone, row.code}))
        << row.what;
  // An app whose security epoch the device has passed.
  const Bytes whole = made(first);
  const auto id = *manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01");
  EXPECT_EQ(device(whole, {}, image::testing::owner_keys(), {{id, 4}}), kNone);
  EXPECT_EQ(device(whole, {}, image::testing::owner_keys(), {{id, 5}}), "PV-INS-004");
  // Only who has the owner's public key can say whose a package is.
  EXPECT_EQ(device(whole, {}, {crypto::P256PrivateKey::generate()->public_key()}), "PV-IMG-005");
}

}  // namespace
}  // namespace pavise::device
