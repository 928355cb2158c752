// The store's schema, step by step, and its names for SQLite's failures. Private to the store.
#pragma once

#include <span>

#include "cloud/hub/store/errors.h"
#include "common/sqlite/database.h"

namespace pavise::hub::store {

// Constraints are checked before a row is written, so a broken one is our fault or damage.
inline constexpr sqlite::Errors kSqliteErrors{
    .failed = kStoreFailed,
    .full = kStoreFull,
    .corrupt = kStoreCorrupt,
    .busy = kStoreLocked,
    .too_new = kStoreTooNew,
    .already_exists = kStoreCorrupt,
    .not_found = kStoreCorrupt,
};

// Step i brings a file of version i to version i + 1. Steps are never changed once released.
std::span<const char* const> hub_store_migrations();

}  // namespace pavise::hub::store
