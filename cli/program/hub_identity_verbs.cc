// hub device-identity, module-identity, device-twin, module-twin
#include <boost/json.hpp>

#include "cli/program/hub_verb.h"
#include "cli/program/input.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

struct WriteArguments {
  IdentityArguments identity;
  std::string auth, status, status_reason;
  std::string primary_key, secondary_key, primary_thumbprint, secondary_thumbprint;
  bool edge = false;
};

struct ListArguments {
  IdentityArguments identity;
  int top = 1000;
};

struct TwinArguments {
  IdentityArguments identity;
  std::string tags, desired;
  bool replace = false;
};

std::string example(bool of_module, const std::string& verb, const std::string& more = {}) {
  return "  pavise hub " + std::string(of_module ? "module" : "device") + "-identity " + verb +
         " -n plant-1" + more;
}

std::string name_options(bool of_module) {
  return of_module ? " -d thermo-1 -m reader" : " -d thermo-1";
}

void add_write_options(CLI::App* verb, WriteArguments& a, bool of_module) {
  verb->add_option("--am,--auth-method", a.auth, "how it proves who it is")
      ->check(CLI::IsMember({"shared_private_key", "x509_thumbprint", "x509_ca"}));
  verb->add_option("--pk,--primary-key", a.primary_key, "base64; without it one is made");
  verb->add_option("--sk,--secondary-key", a.secondary_key, "base64; without it one is made");
  verb->add_option("--ptp,--primary-thumbprint", a.primary_thumbprint,
                   "SHA-1 or SHA-256 of its certificate, in hex");
  verb->add_option("--stp,--secondary-thumbprint", a.secondary_thumbprint,
                   "of the certificate that comes next");
  if (of_module) return;
  verb->add_option("--status", a.status, "enabled or disabled")
      ->check(CLI::IsMember({"enabled", "disabled"}));
  verb->add_option("--star,--status-reason", a.status_reason, "why, for people");
}

// Members that were given, into what is there.
Status put_authentication(json::object& body, const WriteArguments& a) {
  const bool keys = !a.primary_key.empty() || !a.secondary_key.empty();
  const bool prints = !a.primary_thumbprint.empty() || !a.secondary_thumbprint.empty();
  std::string method = a.auth;
  if (method.empty() && keys) method = "shared_private_key";
  if (method.empty() && prints) method = "x509_thumbprint";
  if (method.empty()) return {};
  if (keys && method != "shared_private_key")
    return Error(kBadArgument, "keys go with --auth-method shared_private_key");
  if (prints && method != "x509_thumbprint")
    return Error(kBadArgument, "thumbprints go with --auth-method x509_thumbprint");
  if (method == "x509_thumbprint" && !prints)
    return Error(kBadArgument, "x509_thumbprint wants --primary-thumbprint");
  if (method == "x509_ca") {
    body["authentication"] = {{"type", "certificateAuthority"}};
  } else if (method == "x509_thumbprint") {
    body["authentication"] = {{"type", "selfSigned"},
                              {"x509Thumbprint",
                               {{"primaryThumbprint", a.primary_thumbprint},
                                {"secondaryThumbprint", a.secondary_thumbprint}}}};
  } else {
    json::object symmetric;
    if (!a.primary_key.empty()) symmetric["primaryKey"] = a.primary_key;
    if (!a.secondary_key.empty()) symmetric["secondaryKey"] = a.secondary_key;
    body["authentication"] = {{"type", "sas"}, {"symmetricKey", std::move(symmetric)}};
  }
  return {};
}

Status put_fields(json::object& body, const WriteArguments& a) {
  PAVISE_TRY(put_authentication(body, a));
  if (!a.status.empty()) body["status"] = a.status;
  if (!a.status_reason.empty()) body["statusReason"] = a.status_reason;
  if (a.edge) body["capabilities"] = {{"iotEdge", true}};
  return {};
}

Exit create(Session& session, const WriteArguments& a) {
  json::object body{{"deviceId", a.identity.device}};
  if (!a.identity.module_id.empty()) body["moduleId"] = a.identity.module_id;
  if (const Status put = put_fields(body, a); !put) return session.fail(put.error());
  return hub_show(session, a.identity.hub, &view::identity, "PUT", a.identity.path(),
                  json::serialize(body));
}

// Reads, changes and writes it back with the ETag of what was read.
Exit update(Session& session, const WriteArguments& a) {
  const auto name = session.hub_name(a.identity.hub);
  if (!name) return session.exit();
  const auto before = session.hub_call(*name, "GET", a.identity.path());
  if (!before) return session.exit();
  if (!before->is_object()) return session.fail(Error(kBadAnswer, "no identity"));
  json::object body = before->as_object();
  const json::object unchanged = body;
  if (const Status put = put_fields(body, a); !put) return session.fail(put.error());
  if (body == unchanged) return session.fail(Error(kBadArgument, "nothing of it would change"));
  const json::value* etag = body.if_contains("etag");
  const std::string known =
      etag != nullptr && etag->is_string() ? std::string(etag->as_string()) : std::string();
  return hub_show(session, *name, &view::identity, "PUT", a.identity.path(), json::serialize(body),
                  {if_match(a.identity.etag.empty() ? known : a.identity.etag)});
}

Exit list(Session& session, const ListArguments& a, bool of_module) {
  return hub_show(
      session, a.identity.hub, &view::identities, "GET",
      of_module ? a.identity.device_path() + "/modules" : "/devices?top=" + std::to_string(a.top));
}

void add_list(CLI::App& noun, Action& run, bool of_module) {
  auto listed = std::make_shared<ListArguments>();
  CLI::App* verb = add_verb(noun, "list", of_module ? "modules of a device" : "devices, by id",
                            example(of_module, "list", of_module ? " -d thermo-1" : ""));
  add_hub_option(verb, listed->identity.hub);
  if (of_module)
    verb->add_option("-d,--device-id", listed->identity.device, "id of the device")->required();
  else
    verb->add_option("--top", listed->top, "at most so many")->check(CLI::Range(1, 1000));
  on_device_verb(verb, run, listed, [of_module](Session& session, const ListArguments& a) {
    return list(session, a, of_module);
  });
}

Exit update_twin(Session& session, const TwinArguments& a) {
  json::object body;
  const auto put = [&]() -> Status {
    if (!a.tags.empty()) {
      PAVISE_TRY_ASSIGN(body["tags"], object_argument(a.tags, "--tags"));
    }
    if (!a.desired.empty()) {
      PAVISE_TRY_ASSIGN(json::object desired, object_argument(a.desired, "--desired"));
      body["properties"] = {{"desired", std::move(desired)}};
    }
    if (body.empty()) return Error(kBadArgument, "give --tags or --desired");
    return {};
  }();
  if (!put) return session.fail(put.error());
  return hub_show(session, a.identity.hub, &view::hub_twin, a.replace ? "PUT" : "PATCH",
                  a.identity.twin_path(), json::serialize(body), {if_match(a.identity.etag)});
}

}  // namespace

void add_identity_verbs(CLI::App& hub, Action& run, bool of_module) {
  const std::string what = of_module ? "module" : "device";
  CLI::App* noun = add_noun(hub, what + "-identity", what + "s that a hub knows");

  auto created = std::make_shared<WriteArguments>();
  CLI::App* make = add_verb(
      *noun, "create", "make a " + what,
      example(of_module, "create", name_options(of_module)) + "\n" +
          example(of_module, "create",
                  name_options(of_module) + " --auth-method x509_thumbprint --ptp 1F3A..."));
  add_identity_options(make, created->identity, of_module);
  add_write_options(make, *created, of_module);
  if (!of_module) make->add_flag("--ee,--edge-enabled", created->edge, "an IoT Edge device");
  on_verb(make, run, created, &create);

  add_list(*noun, run, of_module);

  auto shown = std::make_shared<IdentityArguments>();
  CLI::App* show = add_verb(*noun, "show", "one " + what,
                            example(of_module, "show", name_options(of_module)) + " -o json");
  add_identity_options(show, *shown, of_module);
  on_device_verb(show, run, shown, [](Session& session, const IdentityArguments& a) {
    return hub_show(session, a.hub, &view::identity, "GET", a.path());
  });

  auto updated = std::make_shared<WriteArguments>();
  CLI::App* change = add_verb(
      *noun, "update", "change a " + what + "; what is not named stays",
      example(of_module, "update",
              name_options(of_module) +
                  (of_module ? " --auth-method x509_ca" : " --status disabled --star \"lost\"")));
  add_identity_options(change, updated->identity, of_module);
  add_write_options(change, *updated, of_module);
  add_etag_option(change, updated->identity.etag);
  on_device_verb(change, run, updated, &update);

  auto removed = std::make_shared<IdentityArguments>();
  CLI::App* drop = add_verb(*noun, "delete", "remove a " + what + " with its twin and messages",
                            example(of_module, "delete", name_options(of_module)));
  add_identity_options(drop, *removed, of_module);
  add_etag_option(drop, removed->etag);
  on_device_verb(drop, run, removed, [](Session& session, const IdentityArguments& a) {
    return hub_do(session, a.hub, "removed", "DELETE", a.path(), {}, {if_match(a.etag)});
  });

  if (!of_module) add_transfer_verbs(*noun, run);
}

void add_hub_twin_verbs(CLI::App& hub, Action& run, bool of_module) {
  const std::string what = of_module ? "module" : "device";
  const std::string command = "  pavise hub " + what + "-twin ";
  CLI::App* noun = add_noun(hub, what + "-twin", "tags and properties of a " + what);

  auto shown = std::make_shared<IdentityArguments>();
  CLI::App* show = add_verb(*noun, "show", "the whole twin",
                            command + "show -n plant-1" + name_options(of_module));
  add_identity_options(show, *shown, of_module);
  on_device_verb(show, run, shown, [](Session& session, const IdentityArguments& a) {
    return hub_show(session, a.hub, &view::hub_twin, "GET", a.twin_path());
  });

  auto updated = std::make_shared<TwinArguments>();
  CLI::App* change =
      add_verb(*noun, "update", "merge into the twin; the value null removes",
               command + "update -n plant-1" + name_options(of_module) +
                   " --desired '{\"interval_s\":10}'\n" + command + "update -n plant-1" +
                   name_options(of_module) + " --tags @tags.json");
  add_identity_options(change, updated->identity, of_module);
  change->add_option("--tags", updated->tags, "JSON object, or @FILE");
  change->add_option("--desired", updated->desired, "JSON object, or @FILE");
  change->add_flag("--replace", updated->replace, "replace what is named instead of merging");
  add_etag_option(change, updated->identity.etag);
  on_device_verb(change, run, updated, &update_twin);
}

}  // namespace pavise::cli
