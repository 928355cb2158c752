#include "cli/app/build.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "cli/app/files.h"
#include "cli/app/owner_key.h"
#include "cli/app/package_file.h"
#include "cli/app/program_file.h"
#include "cli/app/sdk.h"
#include "cli/app/stage.h"
#include "protocol/erofs/erofs.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kLauncherNeed = "pavise-app";
constexpr std::uint32_t kLauncherVersion = 1;

Bytes whole_file(const erofs::Entry& entry) {
  Bytes out = to_bytes(entry.head);
  append(out, entry.tail);
  return out;
}

bool names_hosts(const manifest::Manifest& manifest) {
  const auto named = [](const manifest::Destination& to) {
    return to.kind != manifest::Destination::Kind::network;
  };
  return std::ranges::any_of(manifest.capabilities.outgoing_tcp, named) ||
         std::ranges::any_of(manifest.capabilities.outgoing_udp, named);
}

Result<ImageSource> source_of(const BuildRequest& request, const manifest::Manifest& manifest) {
  ImageSource out{.root = {},
                  .binary = request.binary,
                  .entry_point = manifest.entry_point,
                  .debugger = {},
                  .keeps_certificates = manifest.capabilities.certificate_store,
                  .names_hosts = names_hosts(manifest)};
  std::error_code ignored;
  if (fs::is_directory(request.folder / "root", ignored)) out.root = request.folder / "root";
  if (out.binary) return out;
  const bool has_program =
      out.root && fs::exists(fs::symlink_status(
                      *out.root / fs::path(manifest.entry_point).relative_path(), ignored));
  if (!has_program && fs::is_regular_file(request.folder / "CMakeLists.txt", ignored)) {
    PAVISE_TRY_ASSIGN(const fs::path sdk, find_sdk(request.sdk));
    PAVISE_TRY_ASSIGN(out.binary,
                      build_program(request.folder, sdk, request.gdbserver.has_value()));
  }
  if (!out.root && !out.binary)
    return Error(kNoSource, (request.folder / "root").string() + " is no folder");
  return out;
}

// Files of the image that may be loaded into a program, by their names without folders: which of
// several is found is the loader's affair.
using Libraries = std::map<std::string, std::vector<std::string>, std::less<>>;

// musl's loader is these libraries itself.
bool is_in_loader(std::string_view library, std::string_view interpreter) {
  constexpr std::array<std::string_view, 7> kOfMusl{"libc.",  "libpthread.", "librt.",  "libm.",
                                                    "libdl.", "libutil.",    "libxnet."};
  return interpreter.contains("/ld-musl-") &&
         std::ranges::any_of(kOfMusl, [&](auto begin) { return library.starts_with(begin); });
}

// That what the program loads is in the image, and what that loads in turn.
Status check_libraries(const ProgramFile& program, const Libraries& there) {
  std::vector<std::string> wanted = program.libraries;
  std::set<std::string> seen;
  while (!wanted.empty()) {
    const std::string path = std::move(wanted.back());
    wanted.pop_back();
    const std::string name = path.substr(path.rfind('/') + 1);
    if (!seen.insert(name).second || is_in_loader(name, program.interpreter)) continue;
    const auto found = there.find(name);
    if (found == there.end()) return Error(kNoLibrary, path);
    wanted.insert(wanted.end(), found->second.begin(), found->second.end());
  }
  return {};
}

// What the program needs of a device. The image was inspected: the entry point is there.
Result<std::vector<image::AbiNeed>> needs_of(ByteView content, const std::string& entry_point) {
  std::optional<Result<ProgramFile>> program;
  std::set<std::string> paths;
  Libraries libraries;
  PAVISE_TRY(erofs::walk(content, [&](const erofs::Entry& entry) -> Status {
    const std::string path(entry.path);
    paths.insert(path);
    if (path == entry_point) program = read_program(whole_file(entry));
    const std::string name = path.substr(path.rfind('/') + 1);
    if (!name.contains(".so") || entry.kind == erofs::Kind::directory) return {};
    // A link stands for what it leads to, which has to be there under its own name.
    std::vector<std::string> needs;
    if (entry.kind == erofs::Kind::symlink)
      needs.emplace_back(as_text(whole_file(entry)));
    else if (const auto library = read_program(whole_file(entry)))
      needs = library->libraries;
    libraries.emplace(name, std::move(needs));
    return {};
  }));
  PAVISE_CHECK(program.has_value());
  if (!*program) return Error(kNotProgram, entry_point + ": " + program->error().detail());
  const ProgramFile& file = **program;
  if (!file.interpreter.empty() && !paths.contains(file.interpreter))
    return Error(kNoInterpreter, file.interpreter);
  if (!file.interpreter.empty()) PAVISE_TRY(check_libraries(file, libraries));
  return std::vector<image::AbiNeed>{{std::string(kLauncherNeed), kLauncherVersion},
                                     {file.processor, 1}};
}

// The signature of a package that is there already, if its signed part is this one.
std::optional<crypto::EcdsaRaw> signature_of_before(const fs::path& path,
                                                    const image::Header& header,
                                                    const crypto::P256PublicKey& key) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  const auto before = read_whole(path, kPackageBytesMax);
  if (!before || before->size() < image::kHeaderBytes) return std::nullopt;
  const auto old = image::Header::parse(ByteView(*before).first(image::kHeaderBytes));
  const Bytes signed_bytes = header.signed_bytes();
  if (!old || old->signed_bytes() != signed_bytes) return std::nullopt;
  if (!key.verify_digest(crypto::sha256(signed_bytes), old->signature)) return std::nullopt;
  return old->signature;
}

struct Sbom {
  Digest256 digest{};
  fs::path path;
  std::string text;  // empty if the file was given
};

Result<Sbom> sbom_for(const BuildRequest& request, const fs::path& package, ByteView content,
                      const manifest::Manifest& manifest) {
  if (request.sbom) {
    PAVISE_TRY_ASSIGN(const Bytes bytes, read_whole(*request.sbom, kSbomBytesMax));
    return Sbom{crypto::sha256(bytes), *request.sbom, {}};
  }
  PAVISE_TRY_ASSIGN(std::string text, sbom_of(content, manifest));
  fs::path path = package;
  path.replace_extension();
  return Sbom{crypto::sha256(as_bytes(text)), path.string() + std::string(kSbomEnding),
              std::move(text)};
}

}  // namespace

Result<std::string> sbom_of(ByteView content, const manifest::Manifest& manifest) {
  json::array components;
  PAVISE_TRY(erofs::walk(content, [&](const erofs::Entry& entry) -> Status {
    if (entry.kind != erofs::Kind::file) return {};
    const Digest256 digest = crypto::sha256({entry.head, entry.tail});
    json::object hash{{"alg", "SHA-256"}, {"content", to_hex(digest)}};
    components.push_back(
        {{"type", "file"}, {"name", entry.path}, {"hashes", json::array{std::move(hash)}}});
    return {};
  }));
  json::object app{{"type", "application"},
                   {"bom-ref", manifest.component_id.text()},
                   {"name", manifest.name},
                   {"version", manifest.version.text()}};
  const json::object out{{"bomFormat", "CycloneDX"},
                         {"specVersion", "1.5"},
                         {"version", 1},
                         {"metadata", json::object{{"component", std::move(app)}}},
                         {"components", std::move(components)}};
  return json::serialize(out) + "\n";
}

Result<Built> build_package(const BuildRequest& request) {
  const fs::path manifest_path = request.folder / kManifestFile;
  std::error_code ignored;
  if (!fs::is_directory(request.folder, ignored))
    return Error(kNoSource, request.folder.string() + " is no folder");
  if (!fs::exists(manifest_path, ignored))
    return Error(kNoSource, manifest_path.string() + " is not there");
  PAVISE_TRY_ASSIGN(const Bytes manifest_bytes,
                    read_whole(manifest_path, manifest::kManifestBytesMax + 1));
  PAVISE_TRY_ASSIGN(manifest::Manifest manifest, manifest::Manifest::parse(manifest_bytes));
  PAVISE_TRY_ASSIGN(OwnerKey key, OwnerKey::open(request.key));
  const auto before_program = std::chrono::steady_clock::now();
  PAVISE_TRY_ASSIGN(ImageSource source, source_of(request, manifest));
  const auto program_time = std::chrono::steady_clock::now() - before_program;
  DebuggerFiles debugger;
  if (request.gdbserver) {
    PAVISE_TRY_ASSIGN(debugger, find_debugger(*request.gdbserver));
    source.debugger = debugger.files;
  }
  PAVISE_TRY_ASSIGN(const Bytes content, make_image(source, manifest.component_id));
  PAVISE_TRY(image::inspect_content(content, manifest.entry_point));
  const fs::path package =
      request.out.value_or(request.folder / (manifest.name + std::string(kPackageEnding)));
  PAVISE_TRY_ASSIGN(const Sbom sbom, sbom_for(request, package, content, manifest));
  PAVISE_TRY_ASSIGN(std::vector<image::AbiNeed> needs, needs_of(content, manifest.entry_point));
  if (request.gdbserver && debugger.processor != needs.back().name)
    return Error(kDebuggerNotFound, request.gdbserver->string() + " is for " + debugger.processor);
  PAVISE_TRY_ASSIGN(image::Draft draft,
                    image::draft_package({.manifest = manifest_bytes,
                                          .content = content,
                                          .tenant = request.tenant,
                                          .sbom_digest = sbom.digest,
                                          .needs = std::move(needs),
                                          .owner_key_id = image::key_id(key.public_key())}));
  const auto before = signature_of_before(package, draft.header, key.public_key());
  if (before) {
    draft.header.signature = *before;
  } else {
    PAVISE_TRY_ASSIGN(draft.header.signature,
                      key.sign_digest(crypto::sha256(draft.header.signed_bytes())));
  }
  Bytes file = image::package_front(draft.header, manifest_bytes);
  append(file, draft.tree);
  append(file, content);
  if (!sbom.text.empty()) PAVISE_TRY(write_whole(sbom.path, as_bytes(sbom.text)));
  PAVISE_TRY(write_whole(package, file));
  return Built{.header = std::move(draft.header),
               .manifest = std::move(manifest),
               .package = package,
               .sbom = sbom.path,
               .same_signature = before.has_value(),
               .program_time = std::chrono::duration_cast<std::chrono::milliseconds>(program_time)};
}

}  // namespace pavise::cli::app
