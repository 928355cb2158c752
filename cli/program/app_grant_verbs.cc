// app grant create
#include <boost/json.hpp>
#include <filesystem>

#include "cli/app/build.h"
#include "cli/app/files.h"
#include "cli/app/owner_key.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"
#include "common/base/clock.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Clocks differ a little.
constexpr UnixSeconds kEarlySeconds = 300;
constexpr UnixSeconds kHourSeconds = 3600;
constexpr int kHoursMax = (dev_grant::kGrantSecondsMax - kEarlySeconds) / kHourSeconds;

struct GrantArguments {
  std::string device, app, key, out;
  int hours = 8;
};

// A component id, a manifest, or the folder of one.
Result<manifest::ComponentId> component_of(const std::string& app) {
  if (const auto id = manifest::ComponentId::parse(app)) return *id;
  std::error_code ignored;
  fs::path path = app;
  if (fs::is_directory(path, ignored)) path /= app::kManifestFile;
  PAVISE_TRY_ASSIGN(const Bytes bytes, app::read_whole(path, manifest::kManifestBytesMax + 1));
  PAVISE_TRY_ASSIGN(const manifest::Manifest manifest, manifest::Manifest::parse(bytes));
  return manifest.component_id;
}

// A whole id needs no server.
std::optional<DeviceId> device_of(Session& session, const std::string& given) {
  if (const auto id = DeviceId::parse(given)) return id;
  const auto found = session.device_id(given);
  return found ? DeviceId::parse(*found) : std::nullopt;
}

Exit create_grant(Session& session, const GrantArguments& a) {
  const auto device = device_of(session, a.device);
  if (!device) return session.exit();
  const auto component = component_of(a.app);
  if (!component) return session.fail(component.error());
  auto key = app::OwnerKey::open(a.key);
  if (!key) return session.fail(key.error());
  const UnixSeconds now = SystemClock().now_s();
  const dev_grant::Terms terms{.device = *device,
                               .component = *component,
                               .not_before = now - kEarlySeconds,
                               .not_after = now + a.hours * kHourSeconds};
  const auto grant =
      dev_grant::Grant::sign(terms, key->public_key(),
                             [&key](const Digest256& digest) { return key->sign_digest(digest); });
  if (!grant) return session.fail(grant.error());
  if (const Status written = app::write_whole(a.out, grant->encode()); !written)
    return session.fail(written.error());
  const std::string key_id = to_hex(grant->owner_key_id());
  if (session.json()) {
    session.print(json::serialize(json::object{{"grant", a.out},
                                               {"device", device->text()},
                                               {"component_id", component->text()},
                                               {"not_before", terms.not_before},
                                               {"not_after", terms.not_after},
                                               {"owner_key", key_id}}) +
                  "\n");
    return Exit::ok;
  }
  Facts facts;
  facts.add("grant", a.out);
  facts.add("device", device->text());
  facts.add("app", component->text());
  facts.add("holds", std::to_string(a.hours) + " hours, by the device's clock");
  facts.add("owner's key", key_id);
  session.print(facts.text(session.colour()));
  return Exit::ok;
}

}  // namespace

void add_app_grant_verbs(CLI::App& app, Action& run) {
  CLI::App* grant = add_noun(app, "grant", "the owner's word that an app may be debugged");
  auto a = std::make_shared<GrantArguments>();
  CLI::App* verb =
      add_verb(*grant, "create", "let one app be debugged on one device for some hours",
               "  pavise app grant create --device 3fa81c0b --app blink --key owner.pem --hours 8 "
               "--out blink.grant\n"
               "\n"
               "Whoever has the file can debug the app on this device until it expires: pavise app "
               "debug.\n"
               "With the whole id of the device no server is asked.");
  verb->add_option("--device", a->device,
                   "its name in the context, its id, or the first characters of it")
      ->required();
  verb->add_option("--app", a->app, "its folder, its manifest, or its component id")->required();
  verb->add_option("--key", a->key, "the owner's key: a file (pavise app key create) or pkcs11:...")
      ->required();
  verb->add_option("--hours", a->hours, "how long it holds (default: 8)")
      ->check(CLI::Range(1, kHoursMax));
  verb->add_option("--out", a->out, "file to write")->required();
  on_verb(verb, run, a, &create_grant);
}

}  // namespace pavise::cli
