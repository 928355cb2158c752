// From an app manifest of Azure Sphere (high-level apps, SchemaVersion 1) to one of ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/app/errors.h"
#include "common/base/ids.h"
#include "protocol/manifest/manifest.h"

namespace pavise::cli::app {

enum class Fate {
  maps,    // the same, under another name
  better,  // the same, and what was a ceiling there is none here
  decide,  // a person has to look at it
  none,    // there is no equivalent; it is left out
};
std::string_view to_string(Fate fate);

struct Note {
  Fate fate;
  std::string member;  // JSON pointer in the manifest that was given
  std::string words;
};

struct Converted {
  std::string manifest;  // text that Manifest::parse accepts
  std::vector<Note> notes;
};

struct ConvertOptions {
  // For DeviceAuthentication, whose GUID means nothing here; without it that is left out.
  std::optional<TenantId> tenant;
  manifest::Version version{1, 0, 0};
};

// Grants never more than the original, but where a note says so. Errors: kNotAzureManifest; what
// Manifest::parse refuses of the result. Pure; thread-safe.
Result<Converted> convert_azure_manifest(std::string_view text, const ConvertOptions& options);

}  // namespace pavise::cli::app
