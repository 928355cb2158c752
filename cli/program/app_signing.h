// Who signs an app, and for which owner: as the command line says, or else the context. Internal to
// this folder.
#pragma once

#include <optional>

#include "cli/program/verb.h"
#include "common/base/ids.h"

namespace pavise::cli {

struct AppSigning {
  std::string key;
  TenantId tenant;
};

// "--key" and "--tenant"; each may be left out.
void add_app_signing_options(CLI::App* verb, std::string& key, std::string& tenant);
// Says in words what it took from the context. nullopt after printing why there is none.
std::optional<AppSigning> find_app_signing(Session& session, const std::string& key,
                                           const std::string& tenant);

}  // namespace pavise::cli
