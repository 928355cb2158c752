#include "tests/app_package/malformed.h"

#include <sys/stat.h>

#include <boost/json.hpp>

#include "protocol/erofs/testing/malformed_images.h"
#include "protocol/image/testing/malformed_headers.h"
#include "protocol/image/testing/packages.h"

namespace pavise::app_package {
namespace {

using erofs::testing::Folder;

// After the last byte was changed that is signed.
void sign_again(Bytes& package, const crypto::P256PrivateKey& key) {
  const auto signature =
      key.sign_digest(crypto::sha256(ByteView(package).first(image::kSignedBytes)));
  std::ranges::copy(*signature, package.begin() + image::kSignedBytes);
}

void add_manifests(const Signer& signer, std::vector<Malformed>& out) {
  for (const RefusedManifest& row : refused_manifests()) {
    // One that is too large for a package's header is one of its faults, too.
    const bool fits = !row.text.empty() && row.text.size() <= manifest::kManifestBytesMax;
    out.push_back({.what = "manifest: " + row.name,
                   .code = fits ? row.code : "PV-IMG-003",
                   .bytes = signed_blindly(signer, row.text, image::testing::content())});
  }
}

void add_headers(const Signer& signer, std::vector<Malformed>& out) {
  const Bytes good = signed_blindly(signer, good_manifest(signer), image::testing::content(),
                                    {{"pavise-app", 1}, {"x86-64", 1}});
  for (const image::testing::MalformedHeader& row : image::testing::malformed_headers()) {
    out.push_back({.what = std::string("header: ") + row.field,
                   .code = std::string(row.expected.code),
                   .bytes = good});
    row.put_into(out.back().bytes);
    sign_again(out.back().bytes, signer.key);
  }
}

// Parts that do not fit each other.
void add_files(const Signer& signer, std::vector<Malformed>& out) {
  const struct {
    const char* what;
    void (*change)(Bytes& package);
    const char* code;
    bool in_file = true;
  } rows[] = {
      {"bytes after the manifest", [](Bytes& b) { b[4095] = std::byte{1}; }, "PV-IMG-003"},
      {"longer", [](Bytes& b) { b.push_back(std::byte{}); }, "PV-IMG-004"},
      {"shorter", [](Bytes& b) { b.pop_back(); }, "PV-IMG-004"},
      {"manifest", [](Bytes& b) { b[600] ^= std::byte{1}; }, "PV-IMG-006"},
      {"digest of the manifest", [](Bytes& b) { b[100] ^= std::byte{1}; }, "PV-IMG-006"},
      {"another component id", [](Bytes& b) { b[20] ^= std::byte{2}; }, "PV-IMG-007"},
      {"another version", [](Bytes& b) { b[33] = std::byte{9}; }, "PV-IMG-007"},
      {"another security epoch", [](Bytes& b) { b[43] ^= std::byte{2}; }, "PV-IMG-007"},
      {"another tenant", [](Bytes& b) { b[49] = std::byte{'z'}; }, "PV-IMG-008"},
      {"hash tree", [](Bytes& b) { b[4096] ^= std::byte{1}; }, "PV-IMG-009"},
      {"root of the hash tree", [](Bytes& b) { b[164] ^= std::byte{1}; }, "PV-IMG-009"},
      {"salt of the hash tree", [](Bytes& b) { b[196] ^= std::byte{1}; }, "PV-IMG-009"},
      {"content", [](Bytes& b) { b.back() ^= std::byte{1}; }, "PV-IMG-009"},
      {"another owner's key", [](Bytes& b) { b[228] ^= std::byte{1}; }, "PV-IMG-005", false},
  };
  const Bytes good = signed_blindly(signer, good_manifest(signer), image::testing::content());
  for (const auto& row : rows) {
    out.push_back({std::string("file: ") + row.what, row.code, row.in_file, good});
    row.change(out.back().bytes);
    sign_again(out.back().bytes, signer.key);
  }
  out.push_back({"file: signature", "PV-IMG-005", false, good});
  out.back().bytes[image::kSignedBytes] ^= std::byte{1};
  for (const image::AbiNeed& need : {image::AbiNeed{"sparc", 1}, {"pavise-app", 2}})
    out.push_back(
        {"file: needs " + need.name, "PV-IMG-010", false,
         signed_blindly(signer, good_manifest(signer), image::testing::content(), {need})});
}

void add_contents(const Signer& signer, std::vector<Malformed>& out) {
  const std::string manifest = good_manifest(signer);
  for (const RefusedRoot& row : refused_roots()) {
    const Folder root;
    root.write("app/bin/blink", std::string(9000, 'b'), 0755);
    row.change(root.path());
    out.push_back({.what = std::string("content: ") + row.what,
                   .code = row.code,
                   .bytes = signed_blindly(signer, manifest, erofs::testing::image_of(root))});
  }
  // A build takes owners away.
  for (const auto& [what, at] : {std::pair{"owner", 24U}, {"group", 26U}}) {
    Bytes content = image::testing::content();
    erofs::testing::put(content, erofs::testing::inode_of(content, "blink") + at, 1000, 2);
    erofs::testing::seal(content);
    out.push_back({.what = std::string("content: another ") + what,
                   .code = "PV-IMG-021",
                   .bytes = signed_blindly(signer, manifest, content)});
  }
  for (const auto& images :
       {erofs::testing::malformed_superblocks(), erofs::testing::malformed_inodes(),
        erofs::testing::malformed_directories()})
    for (const erofs::testing::MalformedImage& row : images)
      out.push_back({.what = "file system: " + row.what,
                     .code = std::string(row.expected.code),
                     .bytes = signed_blindly(signer, manifest, row.image)});
}

}  // namespace

std::string good_manifest(const Signer& signer) {
  std::string out(image::testing::kManifest);
  const std::size_t at = out.find("acme");
  return out.replace(at, 4, signer.tenant.text());
}

Bytes signed_blindly(const Signer& signer, std::string_view manifest, const Bytes& content,
                     const std::vector<image::AbiNeed>& needs) {
  image::Header header(*manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
                       signer.tenant);
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
  header.owner_key_id = image::key_id(signer.key.public_key());
  image::testing::sign(header, signer.key);
  Bytes out = image::package_front(header, as_bytes(manifest));
  append(out, tree.blocks);
  append(out, content);
  return out;
}

std::vector<RefusedManifest> refused_manifests() {
  const Bytes text = erofs::testing::read_file("protocol/manifest/testdata/refused.json");
  std::vector<RefusedManifest> out;
  for (const boost::json::value& row : boost::json::parse(as_text(text)).as_array())
    out.push_back({std::string(row.at("name").as_string()), std::string(row.at("text").as_string()),
                   std::string(row.at("code").as_string())});
  return out;
}

std::vector<RefusedRoot> refused_roots() {
  using Root = std::filesystem::path;
  return {
      {"setuid", [](const Root& root) { ::chmod((root / "app/bin/blink").c_str(), 04755); },
       "PV-IMG-021"},
      {"setgid", [](const Root& root) { ::chmod((root / "app/bin/blink").c_str(), 02755); },
       "PV-IMG-021"},
      {"device node",
       [](const Root& root) {
         if (::mknod((root / "mem").c_str(), S_IFCHR | 0600, 0x101) != 0)
           ASSERT_EQ(::mkfifo((root / "mem").c_str(), 0600), 0);
       },
       "PV-IMG-020"},
      {"pipe", [](const Root& root) { ::mkfifo((root / "pipe").c_str(), 0600); }, "PV-IMG-020"},
      {"absolute link",
       [](const Root& root) { std::filesystem::create_symlink("/etc/passwd", root / "link"); },
       "PV-IMG-022"},
      {"link that leaves",
       [](const Root& root) { std::filesystem::create_symlink("../up", root / "link"); },
       "PV-IMG-022"},
      {"line feed in a name",
       [](const Root& root) { std::filesystem::create_directory(root / "a\nb"); }, "PV-IMG-023"},
      {"no entry point", [](const Root& root) { std::filesystem::remove(root / "app/bin/blink"); },
       "PV-IMG-024"},
      {"entry point that nobody may execute",
       [](const Root& root) { ::chmod((root / "app/bin/blink").c_str(), 0644); }, "PV-IMG-024"},
      {"folders too deep",
       [](const Root& root) {
         std::filesystem::path path = root;
         for (std::size_t i = 0; i <= erofs::kDepthMax; ++i) path /= "d";
         std::filesystem::create_directories(path);
       },
       "PV-ERF-003"},
  };
}

std::vector<Malformed> malformed_packages(const Signer& signer) {
  std::vector<Malformed> out;
  add_manifests(signer, out);
  add_headers(signer, out);
  add_files(signer, out);
  add_contents(signer, out);
  return out;
}

}  // namespace pavise::app_package
