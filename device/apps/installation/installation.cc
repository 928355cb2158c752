#include "device/apps/installation/installation.h"

#include <algorithm>
#include <filesystem>

#include "device/apps/packages/content_inspection.h"
#include "protocol/manifest/conflicts.h"

namespace pavise::device {
namespace {

constexpr std::string_view kPemEnd = "-----END PUBLIC KEY-----";

// What this release runs. The first is the instruction set.
std::vector<image::AbiOffer> offers() {
#if defined(__x86_64__)
  constexpr const char* kMachine = "x86-64";
#elif defined(__aarch64__)
  constexpr const char* kMachine = "aarch64";
#else
  constexpr const char* kMachine = "riscv64";
#endif
  return {{kMachine, 1, 1}, {"pavise-app", 1, 1}};
}

// The manifest asks for the certificate of no other than the package's tenant: open() refuses that.
Status check_owner(const image::Package& package, const Owner& owner) {
  if (package.header().tenant == owner.tenant) return {};
  return Error(kOtherOwner, "the package is for " + package.header().tenant.text());
}

Status check_beside(const manifest::Manifest& app, const std::vector<InstalledApp>& others) {
  std::vector<manifest::Manifest> all;
  all.reserve(others.size() + 1);
  for (const InstalledApp& other : others) all.push_back(other.manifest());
  all.push_back(app);
  const std::vector<Error> found = manifest::conflicts(all);
  if (!found.empty()) return found.front();
  return {};
}

Result<InstalledApp> install(const std::string& path, const Owner& owner,
                             const HardwareDefinition& hardware, uid_t inspector,
                             const std::vector<InstalledApp>& others) {
  if (others.size() == kAppsMax) return kTooManyApps;
  PAVISE_TRY_ASSIGN(PackageFile package, open_package(path, owner.keys, offers()));
  PAVISE_TRY(check_owner(package.package, owner));
  PAVISE_TRY(check_beside(package.package.manifest(), others));
  PAVISE_TRY_ASSIGN(AppPolicy policy, make_app_policy(package.package.manifest(), hardware));
  PAVISE_TRY(inspect_content_apart(package, inspector));
  return InstalledApp{path, std::move(package), std::move(policy)};
}

// Conflicts were refused, so there is no circle.
void put_in_start_order(std::vector<InstalledApp>& apps) {
  std::vector<InstalledApp> out;
  while (!apps.empty()) {
    const auto waits = [&apps](const InstalledApp& app) {
      return std::ranges::any_of(apps, [&app](const InstalledApp& other) {
        return std::ranges::count(app.manifest().lifecycle.start_after,
                                  other.manifest().component_id) != 0;
      });
    };
    const auto next = std::ranges::find_if_not(apps, waits);
    PAVISE_CHECK(next != apps.end());
    out.push_back(std::move(*next));
    apps.erase(next);
  }
  apps = std::move(out);
}

std::vector<std::string> packages_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == kPackageEnding) out.push_back(entry.path().string());
  std::ranges::sort(out);
  return out;
}

}  // namespace

Result<Owner> parse_owner(std::string_view tenant, std::string_view pem) {
  while (tenant.ends_with('\n')) tenant.remove_suffix(1);
  auto id = TenantId::parse(tenant);
  if (!id) return Error(kBadOwnerKeys, "tenant");
  Owner out{*std::move(id), {}};
  for (std::size_t end = 0; (end = pem.find(kPemEnd)) != std::string_view::npos;) {
    if (out.keys.size() == kOwnerKeysMax) return Error(kBadOwnerKeys, "too many");
    PAVISE_TRY_ASSIGN(crypto::P256PublicKey key,
                      crypto::P256PublicKey::from_pem(pem.substr(0, end + kPemEnd.size())));
    out.keys.push_back(std::move(key));
    pem.remove_prefix(end + kPemEnd.size());
  }
  if (out.keys.empty() || pem.find_first_not_of('\n') != std::string_view::npos)
    return Error(kBadOwnerKeys, "no PEM of public keys");
  return out;
}

Installation read_installation(const std::string& folder, const Owner& owner,
                               const HardwareDefinition& hardware, uid_t inspector) {
  Installation out;
  for (const std::string& path : packages_in(folder)) {
    auto app = install(path, owner, hardware, inspector, out.apps);
    if (app)
      out.apps.push_back(*std::move(app));
    else
      out.refused.push_back({path, app.error()});
  }
  put_in_start_order(out.apps);
  return out;
}

}  // namespace pavise::device
