#include "cloud/server/process/file_store.h"

#include "cloud/server/bootstrap/files.h"

namespace pavise::server {
namespace {

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::size_t kAuthoritiesMax = 2UL * 1024 * 1024;

}  // namespace

Result<std::shared_ptr<const hub::s3_store::Settings>> load_file_store(
    const ServerOptions& options) {
  using hub::s3_store::Settings;
  using hub::s3_store::Style;
  if (options.file_store_url.empty()) return std::shared_ptr<const Settings>();
  PAVISE_TRY_ASSIGN(
      auto place, hub::s3_store::Place::parse(
                      options.file_store_url, options.file_store_bucket, options.file_store_region,
                      options.file_store_virtual_host ? Style::virtual_host : Style::path));
  PAVISE_TRY_ASSIGN(auto keys, hub::s3_store::read_keys(options.file_store_keys));
  Settings out{.place = std::move(place), .keys = std::move(keys), .trust_anchors_pem = {}};
  if (out.place.tls()) {
    const std::string& own = options.file_store_ca;
    PAVISE_TRY_ASSIGN(const SecretBytes pem,
                      read_file(own.empty() ? kSystemAuthorities : own, kAuthoritiesMax));
    out.trust_anchors_pem = as_text(pem.view());
  }
  return std::shared_ptr<const Settings>(std::make_shared<Settings>(std::move(out)));
}

}  // namespace pavise::server
