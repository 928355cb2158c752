// The registry's schema, step by step, and its names for SQLite's failures. Private to the
// registry.
#pragma once

#include <span>

#include "cloud/security/registry/registry.h"
#include "common/sqlite/database.h"

namespace pavise::security {

using SqliteDatabase = sqlite::Database;
using SqliteRow = sqlite::Row;

inline constexpr sqlite::Errors kSqliteErrors{
    .failed = kRegistryUnavailable,
    .full = kRegistryFull,
    .corrupt = kRegistryCorrupt,
    .busy = kRegistryBusy,
    .too_new = kRegistryTooNew,
    .already_exists = kAlreadyExists,
    .not_found = kNotFound,
};

// Step i brings a file of version i to version i + 1. Steps are never changed once released.
std::span<const char* const> registry_migrations();

}  // namespace pavise::security
