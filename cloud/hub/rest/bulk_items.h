// One entry of a bulk call, which is one line of an import too: what shall become of a device or
// module (reference: iothub-dps-wire D1).
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cloud/hub/store/hub_store.h"

namespace pavise::hub::rest {

struct BulkItem {
  iothub::Identity identity;
  std::string mode;  // lower case
  store::IdentityFields fields;
  store::IfMatch if_match;
  std::string twin_json;  // tags and desired properties to write
};

// kBadBody.
Result<BulkItem> bulk_item(const iothub::HubName& hub, const boost::json::value& value);

struct BulkOutcome {
  std::optional<store::TwinChanged> twin{};  // it was written
  std::vector<iothub::Identity> removed{};
  bool rights_changed = false;  // who it was before must not stay connected
  std::string_view verb{};  // "create", "update" or "delete" of the identity; empty: its twin only
  std::string now{};        // described() of what was written
};

// All of it or an error; an error may leave half of it, which the caller undoes. Errors of the
// store, kBadBody.
Result<BulkOutcome> apply_bulk_item(store::HubTransaction& transaction, const BulkItem& item);

bool rights_differ(const store::IdentityFields& a, const store::IdentityFields& b);

}  // namespace pavise::hub::rest
