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

Status check_beside(const manifest::Manifest& app, std::vector<manifest::Manifest> others) {
  if (others.size() == kAppsMax) return kTooManyApps;
  others.push_back(app);
  std::vector<Error> found = manifest::conflicts(others);
  // Versions that begin to list each other come one by one. Whether both do is asked at each
  // connection (../words).
  std::erase_if(found, [](const Error& error) { return error.is(manifest::kOneSided); });
  if (!found.empty()) return found.front();
  return {};
}

// An app that was never there has no floor.
Status check_epoch(const image::Header& header, const EpochFloors& floors) {
  const auto floor = floors.find(header.component_id);
  if (floor == floors.end() || header.security_epoch >= floor->second) return {};
  return Error(kOlderEpoch, std::to_string(header.security_epoch) + ", the device had " +
                                std::to_string(floor->second));
}

// What can be said before others are known.
Status check_own(const PackageFile& package, const InstallRules& rules) {
  PAVISE_TRY(check_owner(package.package, rules.owner));
  return check_epoch(package.package.header(), rules.floors);
}

Result<PackageFile> open_own(const std::string& path, const InstallRules& rules) {
  PAVISE_TRY_ASSIGN(PackageFile package, open_package(path, rules.owner.keys, offers()));
  PAVISE_TRY(check_own(package, rules));
  return package;
}

struct Found {
  std::string path;
  bool deployed = false;
  PackageFile package;

  const image::Header& header() const { return package.package.header(); }
};

Result<InstalledApp> install(Found found, const InstallRules& rules,
                             const std::vector<manifest::Manifest>& others) {
  const manifest::Manifest& manifest = found.package.package.manifest();
  PAVISE_TRY(check_beside(manifest, others));
  PAVISE_TRY_ASSIGN(AppPolicy policy, make_app_policy(manifest, rules.hardware));
  PAVISE_TRY(inspect_content_apart(found.package, rules.inspector));
  return InstalledApp{std::move(found.path), found.deployed, std::move(found.package),
                      std::move(policy)};
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

Result<InstalledApp> judge_deployed(const std::string& path, const InstallRules& rules,
                                    std::vector<manifest::Manifest> others) {
  PAVISE_TRY_ASSIGN(PackageFile package, open_own(path, rules));
  std::erase_if(others, [&package](const manifest::Manifest& other) {
    return other.component_id == package.package.header().component_id;
  });
  return install({path, true, std::move(package)}, rules, others);
}

Result<std::optional<InstalledApp>> find_in_image(const std::string& image_folder,
                                                  const manifest::ComponentId& app,
                                                  const InstallRules& rules,
                                                  const std::vector<manifest::Manifest>& others) {
  for (const std::string& path : packages_in(image_folder)) {
    auto package = open_package(path, rules.owner.keys, offers());
    if (!package || package->package.header().component_id != app) continue;
    PAVISE_TRY(check_own(*package, rules));
    PAVISE_TRY_ASSIGN(InstalledApp out, install({path, false, *std::move(package)}, rules, others));
    return std::optional(std::move(out));
  }
  return std::optional<InstalledApp>();
}

Installation read_installation(const std::string& image_folder, const std::string& deployed_folder,
                               const InstallRules& rules) {
  Installation out;
  InstallRules now = rules;
  std::vector<Found> found;
  const auto open_all = [&](const std::string& folder, bool deployed) {
    for (const std::string& path : packages_in(folder)) {
      auto package = open_own(path, now);
      if (package)
        found.push_back({path, deployed, *std::move(package)});
      else
        out.refused.push_back({path, package.error()});
    }
  };
  open_all(image_folder, false);
  for (const Found& of_image : found) {
    std::uint32_t& floor = now.floors[of_image.header().component_id];
    floor = std::max(floor, of_image.header().security_epoch);
  }
  const auto images = static_cast<std::ptrdiff_t>(found.size());
  open_all(deployed_folder, true);
  std::ranges::rotate(found, found.begin() + images);

  std::vector<manifest::Manifest> manifests;
  for (Found& package : found) {
    const bool replaced = std::ranges::any_of(out.apps, [&package](const InstalledApp& app) {
      return app.deployed && !package.deployed &&
             app.manifest().component_id == package.header().component_id;
    });
    if (replaced) continue;
    const std::string path = package.path;
    auto app = install(std::move(package), rules, manifests);
    if (app) {
      manifests.push_back(app->manifest());
      out.apps.push_back(*std::move(app));
    } else {
      out.refused.push_back({path, app.error()});
    }
  }
  put_in_start_order(out.apps);
  std::ranges::sort(out.refused, {}, &RefusedPackage::path);
  return out;
}

}  // namespace pavise::device
