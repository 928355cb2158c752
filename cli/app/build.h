// From an app's folder to a signed package.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/app/errors.h"
#include "protocol/image/draft.h"

namespace pavise::cli::app {

inline constexpr std::string_view kManifestFile = "app_manifest.json";
inline constexpr std::string_view kPackageEnding = ".pvimage";
inline constexpr std::string_view kSbomEnding = ".cdx.json";
inline constexpr std::size_t kSbomBytesMax = 64UL * 1024 * 1024;

struct BuildRequest {
  // app_manifest.json, and root/ unless `binary`. If there is a CMakeLists.txt, and neither a
  // `binary` nor the entry point in root/, the program is built from it: whoever wrote the folder
  // can do then what the caller can.
  std::filesystem::path folder;
  std::string key;  // the owner's: a file, or pkcs11:... (OwnerKey::open)
  TenantId tenant;
  std::optional<std::filesystem::path> binary;  // the program, put at the entry point
  std::optional<std::filesystem::path> sbom;    // else one is written
  std::optional<std::filesystem::path> out;     // else FOLDER/NAME.pvimage
  std::optional<std::filesystem::path> sdk;     // as find_sdk()
  // Put into the image with what it needs, so that the app can be debugged.
  std::optional<std::filesystem::path> gdbserver = {};
};

struct Built {
  image::Header header;
  manifest::Manifest manifest;
  std::filesystem::path package, sbom;
  // The signature of the file that was there is good for this one, too.
  bool same_signature = false;
  std::chrono::milliseconds program_time{};  // that CMake took
};

// Everything that a device would refuse is refused here, with the same code. Writes the package
// and, unless one was given, its SBOM. Blocks. Errors: PV-APP, PV-MAN, PV-IMG, PV-ERF, PV-CRY,
// PV-TOK.
Result<Built> build_package(const BuildRequest& request);

// A bill of materials for the files of an image: CycloneDX 1.5, one component of type file for
// each, with its SHA-256; no time and no serial number, so that it is the same each time.
Result<std::string> sbom_of(ByteView content, const manifest::Manifest& manifest);

}  // namespace pavise::cli::app
