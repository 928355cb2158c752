// device name
#include <boost/json.hpp>

#include "cli/program/verb.h"
#include "cli/view/text.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

struct NameArguments {
  std::string device, name;
  bool forget = false;
};

// The context of this command in `all`, to be changed.
Result<Context*> context_in(Contexts& all, const std::string& named) {
  const std::string& name = named.empty() ? all.current : named;
  PAVISE_TRY(all.find(name));
  return &all.all.at(name);
}

Result<std::string> forget(Context& context, const std::string& name) {
  const auto found = context.devices.find(name);
  if (found == context.devices.end()) return Error(kNoSuchDevice, name);
  std::string id = found->second;
  context.devices.erase(found);
  return id;
}

Status give(Context& context, const std::string& name, const std::string& id) {
  if (!is_device_name(name))
    return Error(kBadArgument,
                 "a name has a-z, 0-9 and -, a letter first and one beyond f, up to " +
                     std::to_string(kDeviceNameSizeMax));
  const auto [found, is_new] = context.devices.try_emplace(name, id);
  if (!is_new && found->second != id) return Error(kNameTaken, found->second);
  return {};
}

Exit show(Session& session, const std::string& id, const std::string& name) {
  if (session.json()) {
    session.print(json::serialize(json::object{{"device", id}, {"name", name}}) + "\n");
    return Exit::ok;
  }
  Facts facts;
  facts.add("device", id);
  facts.add("name", name.empty() ? "none" : name);
  session.print(facts.text(session.colour()));
  return Exit::ok;
}

Exit name_device(Session& session, const NameArguments& a) {
  if (a.forget != a.name.empty())
    return session.fail(Error(kBadArgument, "NAME, or --forget after the name that is to go"));
  std::string id;
  if (!a.forget) {
    const auto found = session.device_id(a.device);
    // There is one of this id, or the name would lead nowhere.
    if (!found || !session.call("GET", "/devices/" + *found)) return session.exit();
    id = *found;
  }
  const auto changed = [&]() -> Status {
    PAVISE_TRY_ASSIGN(Contexts contexts, load_contexts(context_path()));
    PAVISE_TRY_ASSIGN(Context* const context, context_in(contexts, session.options().context));
    if (a.forget) {
      PAVISE_TRY_ASSIGN(id, forget(*context, a.device));
    } else {
      PAVISE_TRY(give(*context, a.name, id));
    }
    return save_contexts(context_path(), contexts);
  }();
  return changed ? show(session, id, a.name) : session.fail(changed.error());
}

}  // namespace

void add_device_name_verb(CLI::App& device, Action& run) {
  auto a = std::make_shared<NameArguments>();
  CLI::App* verb = add_verb(device, "name", "give it a name that every verb knows",
                            "  pavise device name 3fa81c0b kitchen\n"
                            "  pavise app list kitchen\n"
                            "  pavise device name kitchen --forget\n"
                            "\n"
                            "The name is in your context file (pavise context show), not on the "
                            "server: a-z, 0-9 and -, a\n"
                            "letter first, one of them beyond f. A device may have several.");
  verb->add_option("DEVICE", a->device, kDeviceHelp)->required();
  verb->add_option("NAME", a->name, "the name");
  verb->add_flag("--forget", a->forget, "forget the name DEVICE");
  on_verb(verb, run, a, &name_device);
}

}  // namespace pavise::cli
