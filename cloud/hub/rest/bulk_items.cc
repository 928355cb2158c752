#include "cloud/hub/rest/bulk_items.h"

#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/rest_api.h"
#include "common/base/ascii.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::HubTransaction;

namespace {

constexpr std::string_view kEmptyTwin = "{}";

// The part of a twin that a service writes, without what only the hub does: others' exports have
// it.
json::object twin_of(const json::object& body) {
  json::object out;
  if (const json::value* const tags = body.if_contains("tags"); tags != nullptr)
    if (tags->is_object()) out["tags"] = *tags;
  const json::value* const properties = body.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return out;
  const json::value* const desired = properties->get_object().if_contains("desired");
  if (desired == nullptr) return out;
  json::value wanted = *desired;
  if (json::object* const members = wanted.if_object())
    for (const std::string_view own : {"$metadata", "$version"}) members->erase(own);
  out["properties"] = json::object{{"desired", std::move(wanted)}};
  return out;
}

Result<BulkOutcome> write_twin(HubTransaction& transaction, const BulkItem& item,
                               const store::IfMatch& if_match) {
  PAVISE_TRY_ASSIGN(auto changed, transaction.change_twin(item.identity, item.twin_json,
                                                          store::TwinChangeKind::merge, if_match));
  return BulkOutcome{.twin = std::move(changed)};
}

}  // namespace

bool rights_differ(const store::IdentityFields& a, const store::IdentityFields& b) {
  return a.enabled != b.enabled || a.auth != b.auth;
}

Result<BulkItem> bulk_item(const iothub::HubName& hub, const json::value& value) {
  if (!value.is_object()) return Error(kBadBody, "an entry is not an object");
  const json::object& body = value.get_object();
  PAVISE_TRY_ASSIGN(const std::string device, text_member(body, "id"));
  PAVISE_TRY_ASSIGN(const std::string module_id, text_member(body, "moduleId"));
  const auto identity = iothub::Identity::make(hub, device, module_id);
  if (!identity) return Error(kBadBody, "id");
  PAVISE_TRY_ASSIGN(std::string mode, text_member(body, "importMode"));
  mode = ascii_lowered(mode);
  if (mode.empty()) mode = "createorupdate";
  PAVISE_TRY_ASSIGN(auto fields, identity_fields(body));
  PAVISE_TRY_ASSIGN(std::string etag, text_member(body, "eTag"));
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  BulkItem item{*identity, std::move(mode), std::move(fields), {}, {}};
  if (item.mode.ends_with("ifmatchetag")) item.if_match = std::move(etag);
  item.twin_json = json::serialize(twin_of(body));
  return item;
}

Result<BulkOutcome> apply_bulk_item(HubTransaction& transaction, const BulkItem& item) {
  const auto before = transaction.identity(item.identity);
  if (item.mode == "delete" || item.mode == "deleteifmatchetag") {
    PAVISE_TRY_ASSIGN(auto removed, transaction.delete_identity(item.identity, item.if_match));
    return BulkOutcome{.removed = std::move(removed), .rights_changed = true, .verb = "delete"};
  }
  if (item.mode == "updatetwin" || item.mode == "updatetwinifmatchetag")
    return write_twin(transaction, item, item.if_match);
  bool rights_changed = false;
  std::string now;
  const bool create = item.mode == "create" || (item.mode.starts_with("createorupdate") && !before);
  if (create) {
    PAVISE_TRY_ASSIGN(const auto after, transaction.create_identity(item.identity, item.fields));
    now = described(after.fields);
  } else if (item.mode == "update" || item.mode == "updateifmatchetag" ||
             item.mode.starts_with("createorupdate")) {
    PAVISE_TRY_ASSIGN(const auto after,
                      transaction.update_identity(item.identity, item.fields, item.if_match));
    rights_changed = before && rights_differ(before->fields, after.fields);
    now = described(after.fields);
  } else {
    return Error(kBadBody, "importMode");
  }
  BulkOutcome out;
  if (item.twin_json != kEmptyTwin) {
    PAVISE_TRY_ASSIGN(out, write_twin(transaction, item, {}));
  }
  out.rights_changed = rights_changed;
  out.verb = create ? "create" : "update";
  out.now = std::move(now);
  return out;
}

}  // namespace pavise::hub::rest
