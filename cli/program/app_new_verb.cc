// app new
#include <boost/json.hpp>

#include "cli/app/new_app.h"
#include "cli/app/sdk.h"
#include "cli/program/app_signing.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

struct NewArguments {
  std::string name, template_name, tenant, out, sdk;
};

// What `build` has to be told that the context does not know.
std::string signing_words(const Context* context, const std::optional<TenantId>& tenant) {
  const bool key_is_known = context != nullptr && !context->app_key.empty();
  std::string out;
  if (!key_is_known) out += " --key owner.pem";
  if (!tenant)
    out += " --tenant TENANT";
  else if (context == nullptr || context->app_tenant != tenant->text())
    out += " --tenant " + tenant->text();
  return out + (key_is_known ? "" : "   (a key: pavise app key create owner.pem)");
}

Exit make_new(Session& session, const NewArguments& a) {
  const auto context = session.context();
  std::optional<TenantId> tenant = TenantId::parse(a.tenant);
  if (!a.tenant.empty() && !tenant)
    return session.fail(Error(kBadArgument, "--tenant wants a tenant's name"));
  // A template may need no tenant; if it does, it says so.
  if (context && !tenant) tenant = TenantId::parse(context->app_tenant);
  const auto sdk =
      app::find_sdk(a.sdk.empty() ? std::nullopt : std::optional<std::filesystem::path>(a.sdk));
  if (!sdk) return session.fail(sdk.error());
  const std::string folder = a.out.empty() ? a.name : a.out;
  const auto made = app::make_app({.name = a.name,
                                   .template_name = a.template_name,
                                   .tenant = tenant,
                                   .folder = folder,
                                   .sdk = *sdk});
  if (!made) return session.fail(made.error());
  const std::string id = made->manifest.component_id.text();
  if (session.json()) {
    json::array files;
    for (const std::string& file : made->files) files.emplace_back(file);
    session.print(json::serialize(json::object{{"folder", folder},
                                               {"name", made->manifest.name},
                                               {"component_id", id},
                                               {"files", std::move(files)}}) +
                  "\n");
    return Exit::ok;
  }
  Facts facts;
  facts.add("folder", folder);
  facts.add("app", made->manifest.name + " " + made->manifest.version.text());
  facts.add("component", id);
  session.print(facts.text(session.colour()));
  session.note("Next: pavise app build " + folder +
               signing_words(context ? &*context : nullptr, tenant) + "\n");
  return Exit::ok;
}

}  // namespace

void add_app_new_verb(CLI::App& app, Action& run) {
  auto a = std::make_shared<NewArguments>();
  CLI::App* verb = add_verb(
      app, "new", "make a folder to begin an app with",
      "  pavise app new blink --template cpp-minimal\n"
      "  pavise app new meter --template telemetry --tenant home\n"
      "\n"
      "Templates: telemetry (C: hub, storage, health check), gpio (C: a LED and a button), "
      "tls-server (C: a page over\n"
      "TLS), cpp-minimal (C++: event loop and log). The app gets a random component id.");
  verb->add_option("NAME", a->name, "the app's name: a-z, 0-9 and -")->required();
  verb->add_option("--template", a->template_name, "telemetry, gpio, tls-server or cpp-minimal")
      ->required();
  verb->add_option(
      "--tenant", a->tenant,
      "the owner's tenant, if the template speaks to the hub; else that of the context");
  verb->add_option("--out", a->out, "folder to make; NAME if absent");
  verb->add_option("--sdk", a->sdk, "the SDK's folder; PAVISE_SDK, or the one of this program");
  on_verb(verb, run, a, &make_new);
}

}  // namespace pavise::cli
