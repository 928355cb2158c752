// Silicon vendors, release keys, releases.
#include <boost/json/array.hpp>

#include "cloud/server/routes/errors.h"
#include "cloud/server/routes/handlers.h"
#include "cloud/server/routes/views.h"
#include "protocol/release/reference_set.h"

namespace pavise::server {

namespace json = boost::json;

namespace {

constexpr std::size_t kReleaseTextMax = 4UL * (release::kReleaseBytesMax / 3 + 1);
constexpr std::size_t kSignatureTextMax = 256;
constexpr std::size_t kKeyTextMax = 4UL * 1024;

// What counts for all tenants is seen by all.
bool visible(const Call& call, const std::optional<TenantId>& tenant) {
  return !call.tenant || !tenant || *tenant == *call.tenant;
}

}  // namespace

Result<Reply> list_vendors(Call& call) {
  PAVISE_TRY_ASSIGN(const auto vendors, call.services.tenancy.vendor_roots());
  json::array items;
  for (const auto& vendor : vendors) items.push_back(vendor_view(vendor));
  return Reply{.body = {{"vendors", std::move(items)}}};
}

Result<Reply> add_vendor(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string name, call.body.text("name", kNameMax));
  PAVISE_TRY_ASSIGN(const std::string text, call.body.text("certificate", kPemTextMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const Bytes certificate, certificate_from_text("certificate", text));
  PAVISE_TRY_ASSIGN(const auto vendor,
                    call.services.tenancy.add_vendor_root(call.caller.name, name, certificate));
  return Reply{.status = 201, .body = vendor_view(vendor)};
}

Result<Reply> remove_vendor(Call& call) {
  PAVISE_TRY(call.services.tenancy.remove_vendor_root(call.caller.name, call.id));
  return Reply{.status = 204};
}

Result<Reply> list_release_keys(Call& call) {
  PAVISE_TRY_ASSIGN(const auto keys, call.services.releases.keys());
  json::array items;
  for (const auto& key : keys)
    if (visible(call, key.tenant)) items.push_back(release_key_view(key));
  return Reply{.body = {{"release_keys", std::move(items)}}};
}

Result<Reply> add_release_key(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string name, call.body.text("name", kNameMax));
  PAVISE_TRY_ASSIGN(const std::string key, call.body.text("key", kKeyTextMax));
  PAVISE_TRY(call.body.finish());
  if (call.tenant) PAVISE_TRY(call.services.tenancy.tenant(*call.tenant));
  PAVISE_TRY_ASSIGN(const auto added, call.services.releases.add_key(call.caller.name, name,
                                                                     call.tenant, as_bytes(key)));
  return Reply{.status = 201, .body = release_key_view(added)};
}

Result<Reply> list_releases(Call& call) {
  PAVISE_TRY_ASSIGN(const auto releases, call.services.releases.releases());
  json::array items;
  for (const auto& release : releases)
    if (visible(call, release.tenant)) items.push_back(release_view(release));
  return Reply{.body = {{"releases", std::move(items)}}};
}

Result<Reply> add_release(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string manifest_text, call.body.text("manifest", kReleaseTextMax));
  PAVISE_TRY_ASSIGN(const std::string signature_text,
                    call.body.text("signature", kSignatureTextMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY_ASSIGN(const Bytes manifest, bytes_from_base64("manifest", manifest_text));
  PAVISE_TRY_ASSIGN(const Bytes signature, bytes_from_base64("signature", signature_text));
  PAVISE_TRY_ASSIGN(const auto release,
                    call.services.releases.add_release(call.caller.name, call.caller.tenant,
                                                       manifest, signature));
  return Reply{.status = 201, .body = release_view(release)};
}

Result<Reply> revoke_release(Call& call) {
  PAVISE_TRY_ASSIGN(const std::string reason, call.body.text("reason", kReasonMax));
  PAVISE_TRY(call.body.finish());
  PAVISE_TRY(call.services.releases.revoke(call.caller.name, call.id, reason));
  PAVISE_TRY_ASSIGN(const auto releases, call.services.releases.releases());
  for (const auto& release : releases)
    if (release.digest == call.id) return Reply{.body = release_view(release)};
  return security::kReleaseUnknown;
}

}  // namespace pavise::server
