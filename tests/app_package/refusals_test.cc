// What is wrong with a package, the code that says so, and the earliest place where it is said: the
// owner's build; anybody who has the file (`pavise app show`, and who sends it to a device); the
// device that it comes to. A later place says the same code.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <functional>

#include "cli/app/build.h"
#include "cli/app/owner_key.h"
#include "cli/app/testing/elf_files.h"
#include "device/apps/installation/installation.h"
#include "device/apps/packages/content_inspection.h"
#include "protocol/image/testing/packages.h"

namespace pavise::device {
namespace {

using erofs::testing::Folder;
using erofs::testing::image_of;
using image::testing::kManifest;

constexpr uid_t kNobody = 65534;
constexpr std::size_t kSigned = image::kSignedBytes;
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

// A package that the owner signed without looking: what a build that was tampered with makes.
Bytes signed_blindly(std::string_view manifest, const Bytes& content,
                     const std::vector<image::AbiNeed>& needs = {{"pavise-app", 1}},
                     const std::string& tenant = "acme") {
  image::Header header(*manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
                       *TenantId::parse(tenant));
  header.manifest_bytes = static_cast<std::uint32_t>(manifest.size());
  header.manifest_digest = crypto::sha256(as_bytes(manifest));
  // What can be read of the manifest stands in the header, so that nothing else is wrong.
  if (const auto good = manifest::Manifest::parse(as_bytes(manifest))) {
    header.component_id = good->component_id;
    header.version = good->version;
    header.security_epoch = good->security_epoch;
  }
  header.content_blocks = static_cast<std::uint32_t>(content.size() / image::kBlockBytes);
  image::HashTree tree = image::build_tree(content, header.salt);
  header.root_hash = tree.root;
  header.needs = needs;
  header.owner_key_id = image::key_id(image::testing::owner_key().public_key());
  image::testing::sign(header, image::testing::owner_key());
  Bytes out = image::package_front(header, as_bytes(manifest));
  append(out, tree.blocks);
  append(out, content);
  return out;
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
  const Bytes good = signed_blindly(kManifest, image::testing::content());
  EXPECT_EQ(file(good), kNone);
  EXPECT_EQ(device(good), kNone);
}

// Each case of the manifest's own suite. One that is too large for a package's header is one, too.
TEST_F(Refusals, ManifestsAtTheBuild) {
  const Bytes text = erofs::testing::read_file("protocol/manifest/testdata/refused.json");
  for (const boost::json::value& row : boost::json::parse(as_text(text)).as_array()) {
    const std::string manifest(row.at("text").as_string());
    const std::string code(row.at("code").as_string());
    const Bytes bytes = signed_blindly(manifest, image::testing::content());
    const bool is_large = manifest.size() > manifest::kManifestBytesMax;
    const std::string later = is_large || manifest.empty() ? "PV-IMG-003" : code;
    EXPECT_EQ((Said{build(kNoChange, manifest), file(bytes), device(bytes)}),
              (Said{code, later, later}))
        << row.at("name").as_string();
  }
}

TEST_F(Refusals, ContentAtTheBuild) {
  const struct {
    const char* what;
    std::function<void(const std::filesystem::path&)> change;  // of the root
    const char* code;
  } rows[] = {
      {"setuid", [](const auto& root) { ::chmod((root / "app/bin/blink").c_str(), 04755); },
       "PV-IMG-021"},
      {"setgid", [](const auto& root) { ::chmod((root / "app/bin/blink").c_str(), 02755); },
       "PV-IMG-021"},
      {"device node",
       [](const auto& root) {
         if (::mknod((root / "mem").c_str(), S_IFCHR | 0600, 0x101) != 0)
           ASSERT_EQ(::mkfifo((root / "mem").c_str(), 0600), 0);
       },
       "PV-IMG-020"},
      {"pipe", [](const auto& root) { ::mkfifo((root / "pipe").c_str(), 0600); }, "PV-IMG-020"},
      {"absolute link",
       [](const auto& root) { std::filesystem::create_symlink("/etc/passwd", root / "link"); },
       "PV-IMG-022"},
      {"link that leaves",
       [](const auto& root) { std::filesystem::create_symlink("../up", root / "link"); },
       "PV-IMG-022"},
      {"line feed in a name",
       [](const auto& root) { std::filesystem::create_directory(root / "a\nb"); }, "PV-IMG-023"},
      {"no entry point", [](const auto& root) { std::filesystem::remove(root / "app/bin/blink"); },
       "PV-IMG-024"},
      {"entry point that nobody may execute",
       [](const auto& root) { ::chmod((root / "app/bin/blink").c_str(), 0644); }, "PV-IMG-024"},
      {"folders too deep",
       [](const auto& root) {
         std::filesystem::path path = root;
         for (std::size_t i = 0; i <= erofs::kDepthMax; ++i) path /= "d";
         std::filesystem::create_directories(path);
       },
       "PV-ERF-003"},
  };
  for (const auto& row : rows) {
    const auto built = build([&](const Folder& shop) { row.change(shop / "app/root"); });
    const Folder root;
    root.write("app/bin/blink", std::string(9000, 'b'), 0755);
    row.change(root.path());
    const Bytes bytes = signed_blindly(kManifest, image_of(root));
    EXPECT_EQ((Said{built, file(bytes), device(bytes)}), (Said{row.code, row.code, row.code}))
        << row.what;
  }
}

// A build takes owner and attributes away, and writes no such header: only another tool does.
TEST_F(Refusals, WhatNoBuildWritesInTheFile) {
  const struct {
    const char* what;
    std::function<void(Bytes&)> change;
    const char* code;
  } rows[] = {
      {"magic", [](Bytes& b) { b[0] = std::byte{'p'}; }, "PV-IMG-001"},
      {"format version", [](Bytes& b) { b[9] = std::byte{2}; }, "PV-IMG-002"},
      {"size of the header", [](Bytes& b) { b[11] = std::byte{1}; }, "PV-IMG-003"},
      {"component id", [](Bytes& b) { std::fill_n(b.begin() + 16, 16, std::byte{}); },
       "PV-IMG-003"},
      {"version", [](Bytes& b) { b[32] = std::byte{0xff}; }, "PV-IMG-003"},
      {"security epoch", [](Bytes& b) { b[40] = std::byte{0x80}; }, "PV-IMG-003"},
      {"blocks of the content", [](Bytes& b) { b[47] = std::byte{1}; }, "PV-IMG-003"},
      {"tenant", [](Bytes& b) { b[49] = std::byte{'/'}; }, "PV-IMG-003"},
      {"number of needs", [](Bytes& b) { b[260] = std::byte{9}; }, "PV-IMG-003"},
      {"name of a need", [](Bytes& b) { b[264] = std::byte{'P'}; }, "PV-IMG-003"},
      {"reserved bytes", [](Bytes& b) { b[447] = std::byte{1}; }, "PV-IMG-003"},
      {"bytes after the manifest", [](Bytes& b) { b[4095] = std::byte{1}; }, "PV-IMG-003"},
      {"longer", [](Bytes& b) { b.push_back(std::byte{}); }, "PV-IMG-004"},
      {"shorter", [](Bytes& b) { b.pop_back(); }, "PV-IMG-004"},
      {"manifest", [](Bytes& b) { b[600] ^= std::byte{1}; }, "PV-IMG-006"},
      {"other version than the manifest's", [](Bytes& b) { b[33] = std::byte{9}; }, "PV-IMG-007"},
      {"other tenant than the manifest's", [](Bytes& b) { b[49] = std::byte{'z'}; }, "PV-IMG-008"},
      {"hash tree", [](Bytes& b) { b[4096] ^= std::byte{1}; }, "PV-IMG-009"},
      {"root of the hash tree", [](Bytes& b) { b[164] ^= std::byte{1}; }, "PV-IMG-009"},
      {"content", [](Bytes& b) { b.back() ^= std::byte{1}; }, "PV-IMG-009"},
  };
  for (const auto& row : rows) {
    Bytes bytes = signed_blindly(kManifest, image::testing::content());
    row.change(bytes);
    image::testing::sign_again(bytes);
    EXPECT_EQ((Said{kNone, file(bytes), device(bytes)}), (Said{kNone, row.code, row.code}))
        << row.what;
  }
  const struct {
    const char* what;
    std::size_t at;  // in the entry point's inode
    std::uint64_t value;
    const char* code;
  } inodes[] = {{"another owner", 24, 1000, "PV-IMG-021"},
                {"another group", 26, 5, "PV-IMG-021"},
                {"extended attributes", 2, 1, "PV-ERF-004"}};
  for (const auto& row : inodes) {
    Bytes content = image::testing::content();
    erofs::testing::put(content, erofs::testing::inode_of(content, "blink") + row.at, row.value, 2);
    erofs::testing::seal(content);
    const Bytes bytes = signed_blindly(kManifest, content);
    EXPECT_EQ((Said{kNone, file(bytes), device(bytes)}), (Said{kNone, row.code, row.code}))
        << row.what;
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
    return signed_blindly(text, image::testing::content());
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
       signed_blindly(manifest("one", '1', "{}"), image::testing::content(), {}, "globex"),
       {},
       "PV-INS-001"},
      {"another processor",
       signed_blindly(kManifest, image::testing::content(), {{"sparc", 1}}),
       {},
       "PV-IMG-010"},
      {"a later launcher",
       signed_blindly(kManifest, image::testing::content(), {{"pavise-app", 2}}),
       {},
       "PV-IMG-010"},
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
  Bytes changed = whole;
  changed[kSigned] ^= std::byte{1};
  EXPECT_EQ(file(changed), kNone);
  EXPECT_EQ(device(changed), "PV-IMG-005");
}

}  // namespace
}  // namespace pavise::device
