// Private to the store: an identity as a row, shared by the files that read it with other tables.
#pragma once

#include <optional>
#include <string>

#include "cloud/hub/store/records.h"
#include "common/sqlite/database.h"

namespace pavise::hub::store {

// To be followed by FROM identities AS i JOIN hubs AS h ON h.id = i.hub.
inline constexpr std::string_view kIdentityColumns =
    "h.name, i.device, i.module, i.generation, i.etag, i.enabled, i.status_reason, i.auth_kind, "
    "i.primary_credential, i.secondary_credential, i.iot_edge, i.device_scope, i.parent_scopes, "
    "i.managed_by, i.created, i.status_updated, i.connection_updated, i.last_activity, "
    "(SELECT count(*) FROM messages AS m WHERE m.identity = i.id)";
inline constexpr int kIdentityColumnCount = 19;

// nullopt: a name in the row is not well-formed.
std::optional<IdentityRecord> identity_from(const sqlite::Row& row);

}  // namespace pavise::hub::store
