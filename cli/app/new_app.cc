#include "cli/app/new_app.h"

#include <array>
#include <map>

#include "cli/app/build.h"
#include "cli/app/files.h"
#include "common/crypto/crypto.h"

namespace pavise::cli::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTenantMark = "@TENANT@";

// RFC 9562, version 4.
Result<manifest::ComponentId> random_component_id() {
  std::array<std::byte, manifest::ComponentId::kBytes> bytes{};
  PAVISE_TRY(crypto::random_fill(bytes));
  bytes[6] = (bytes[6] & std::byte{0x0f}) | std::byte{0x40};
  bytes[8] = (bytes[8] & std::byte{0x3f}) | std::byte{0x80};
  const auto id = manifest::ComponentId::from_bytes(bytes);
  PAVISE_CHECK(id.has_value());  // the version is in it
  return *id;
}

void replace_all(std::string& text, std::string_view mark, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += with.size())
    text.replace(at, mark.size(), with);
}

// Whole files by name, filled in.
Result<std::map<std::string, std::string>> render(const NewAppRequest& request,
                                                  const fs::path& from) {
  PAVISE_TRY_ASSIGN(const manifest::ComponentId id, random_component_id());
  std::map<std::string, std::string> out;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, failed)) {
    PAVISE_TRY_ASSIGN(const Bytes bytes, read_whole(entry.path(), kTemplateFileBytesMax));
    std::string text(as_text(bytes));
    if (!request.tenant && text.contains(kTenantMark)) return kNoTenant;
    if (request.tenant) replace_all(text, kTenantMark, request.tenant->text());
    replace_all(text, "@COMPONENT_ID@", id.text());
    replace_all(text, "@NAME@", request.name);
    out.emplace(entry.path().filename().string(), std::move(text));
  }
  if (failed) return Error(kFileFailed, from.string() + ": " + failed.message());
  return out;
}

}  // namespace

Result<NewApp> make_app(const NewAppRequest& request) {
  const fs::path from = request.sdk / "templates" / request.template_name;
  std::error_code failed;
  if (request.template_name.empty() || fs::path(request.template_name).has_parent_path() ||
      !fs::is_regular_file(from / kManifestFile, failed))
    return Error(kNoTemplate, request.template_name);
  PAVISE_TRY_ASSIGN(const auto files, render(request, from));
  // The name may be anything until the manifest took it, as it stands.
  PAVISE_TRY_ASSIGN(manifest::Manifest manifest,
                    manifest::Manifest::parse(as_bytes(files.at(std::string(kManifestFile)))));
  if (manifest.name != request.name) return Error(kNoTemplate, "the name is not in its manifest");
  if (!fs::create_directory(request.folder, failed))
    return failed ? Error(kFileFailed, request.folder.string() + ": " + failed.message())
                  : Error(kFolderExists, request.folder.string());
  NewApp out{.manifest = std::move(manifest), .files = {}};
  for (const auto& [name, text] : files) {
    PAVISE_TRY(write_whole(request.folder / name, as_bytes(text)));
    out.files.push_back(name);
  }
  return out;
}

}  // namespace pavise::cli::app
