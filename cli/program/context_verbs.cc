// context
#include <boost/json.hpp>

#include "cli/program/verb.h"
#include "cli/view/text.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kTokenSizeMax = 4096;

struct ContextArguments {
  std::string name, url, ca, token_file;
  bool inline_ca = false;
};
struct NoArguments {};

Result<Context> context_of(const ContextArguments& a) {
  Context out{.url = a.url, .ca = a.ca, .token = {}};
  if (const auto url = net::Url::parse(a.url); !url) return url.error();
  PAVISE_TRY_ASSIGN(const std::string pem, out.ca_pem());
  if (a.inline_ca) out.ca = pem;
  PAVISE_TRY_ASSIGN(out.token, read_text_file(a.token_file, kTokenSizeMax));
  while (!out.token.empty() &&
         std::string_view(" \r\n").find(out.token.back()) != std::string::npos)
    out.token.pop_back();
  return out;
}

// Loads, changes and saves the context file.
template <class F>
Exit change(Session& session, F edit) {
  auto contexts = load_contexts(context_path());
  if (!contexts) return session.fail(contexts.error());
  if (const Status edited = edit(*contexts); !edited) return session.fail(edited.error());
  if (const Status saved = save_contexts(context_path(), *contexts); !saved)
    return session.fail(saved.error());
  return Exit::ok;
}

Exit add(Session& session, const ContextArguments& a) {
  const auto context = context_of(a);
  if (!context) return session.fail(context.error());
  return change(session, [&](Contexts& contexts) -> Status {
    Context& known = contexts.all[a.name];  // keeps the names of devices and what signs apps
    known.url = context->url;
    known.ca = context->ca;
    known.token = context->token;
    if (contexts.current.empty()) contexts.current = a.name;
    return {};
  });
}

Exit use(Session& session, const ContextArguments& a) {
  return change(session, [&](Contexts& contexts) -> Status {
    if (!contexts.all.contains(a.name)) return Error(kUnknownContext, a.name);
    contexts.current = a.name;
    return {};
  });
}

Exit remove(Session& session, const ContextArguments& a) {
  return change(session, [&](Contexts& contexts) -> Status {
    if (contexts.all.erase(a.name) == 0) return Error(kUnknownContext, a.name);
    if (contexts.current == a.name) contexts.current.clear();
    return {};
  });
}

Exit list(Session& session, const NoArguments&) {
  const auto contexts = load_contexts(context_path());
  if (!contexts) return session.fail(contexts.error());
  if (session.json()) {
    json::array names;
    for (const auto& [name, context] : contexts->all)
      names.push_back({{"name", name}, {"url", context.url}});
    session.print(
        json::serialize(json::object{{"current", contexts->current}, {"contexts", names}}) + "\n");
    return Exit::ok;
  }
  Table table({"", "NAME", "URL"});
  for (const auto& [name, context] : contexts->all)
    table.add({name == contexts->current ? "*" : "", name, context.url});
  session.print(table.text(session.colour()));
  return Exit::ok;
}

// Never shows the token itself.
Exit show(Session& session, const ContextArguments& a) {
  const auto contexts = load_contexts(context_path());
  if (!contexts) return session.fail(contexts.error());
  const std::string name = !a.name.empty()                      ? a.name
                           : !session.options().context.empty() ? session.options().context
                                                                : contexts->current;
  const auto context = contexts->find(name);
  if (!context) return session.fail(context.error());
  const bool pem = context->ca.find("-----BEGIN") != std::string::npos;
  const std::string ca = pem ? "(in the file)" : context->ca;
  const std::string token = context->token.empty() ? "none" : "present";
  if (session.json()) {
    json::object devices;
    for (const auto& [device, id] : context->devices) devices[device] = id;
    session.print(json::serialize(json::object{{"name", name},
                                               {"url", context->url},
                                               {"ca", ca},
                                               {"token", token},
                                               {"devices", std::move(devices)},
                                               {"app_key", context->app_key},
                                               {"app_tenant", context->app_tenant}}) +
                  "\n");
    return Exit::ok;
  }
  Facts facts;
  facts.add("name", name);
  facts.add("url", context->url);
  facts.add("ca", ca);
  facts.add("token", token);
  for (const auto& [device, id] : context->devices) facts.add(device, id);
  if (!context->app_key.empty()) facts.add("signs apps", context->app_key);
  if (!context->app_tenant.empty()) facts.add("for tenant", context->app_tenant);
  facts.add("file", context_path());
  session.print(facts.text(session.colour()));
  return Exit::ok;
}

CLI::App* add_named(CLI::App& noun, Action& run, const std::string& name, const std::string& about,
                    const std::string& example, bool required,
                    Exit (*action)(Session&, const ContextArguments&)) {
  auto arguments = std::make_shared<ContextArguments>();
  CLI::App* verb = add_verb(noun, name, about, "  " + example);
  verb->add_option("NAME", arguments->name, "name of the context")->required(required);
  on_verb(verb, run, arguments, action);
  return verb;
}

}  // namespace

void add_context_verbs(CLI::App& program, Action& run) {
  CLI::App* context = add_noun(program, "context", "which server the other commands talk to");
  auto added = std::make_shared<ContextArguments>();
  CLI::App* verb = add_verb(*context, "add", "remember a server, or replace what is known of it",
                            "  pavise context add home --url https://127.0.0.1:8443 \\\n"
                            "    --ca service-ca.pem --token-file admin.token");
  verb->add_option("NAME", added->name, "name of the context")->required();
  verb->add_option("--url", added->url, "https://HOST:PORT of the management API")->required();
  verb->add_option("--ca", added->ca, "its trust anchor, PEM file")->required();
  verb->add_flag("--inline-ca", added->inline_ca, "copy the trust anchor into the context file");
  verb->add_option("--token-file", added->token_file, "file of the token; - for standard input")
      ->required();
  on_verb(verb, run, added, &add);

  CLI::App* listed = add_verb(*context, "list", "all contexts", "  pavise context list");
  on_verb(listed, run, std::make_shared<NoArguments>(), &list);
  add_named(*context, run, "use", "make it the current one", "pavise context use home", true, &use);
  add_named(*context, run, "show", "what is known of it, without the token", "pavise context show",
            false, &show);
  add_named(*context, run, "remove", "forget it", "pavise context remove home", true, &remove);
}

}  // namespace pavise::cli
