// The registry's schema and its way from version to version (PRAGMA user_version).
#pragma once

#include <span>
#include <string>

#include "cloud/security/registry/sqlite_database.h"

namespace pavise::security {

// Step i brings a file of version i to version i + 1. Steps are never changed once released.
std::span<const char* const> registry_migrations();

// Runs the missing steps, each in its own transaction with the new version number. A file that is
// not new is copied to "<path>.v<version>.bak" before the first step.
// Errors: kRegistryTooNew, kRegistryFull, kRegistryUnavailable.
Status migrate(SqliteDatabase& db, const std::string& path,
               std::span<const char* const> migrations);

}  // namespace pavise::security
