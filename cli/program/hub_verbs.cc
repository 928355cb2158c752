// hub: create, list, show, update, delete, connection-string, generate-sas-token
#include <boost/json.hpp>

#include "cli/program/hub_verb.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

void add_hub_option(CLI::App* verb, std::string& hub) {
  verb->add_option("-n,--hub-name", hub, "the hub; may be left out when there is only one");
}

void add_identity_options(CLI::App* verb, IdentityArguments& arguments, bool of_module) {
  add_hub_option(verb, arguments.hub);
  verb->add_option("-d,--device-id", arguments.device, "id of the device")->required();
  if (of_module)
    verb->add_option("-m,--module-id", arguments.module_id, "id of the module")->required();
}

void add_etag_option(CLI::App* verb, std::string& etag) {
  verb->add_option("-e,--etag", etag, "only if this is still its ETag");
}

net::HttpHeader if_match(const std::string& etag) {
  return {"If-Match", etag.empty() ? "*" : "\"" + etag + "\""};
}

Exit hub_show(Session& session, const std::string& hub, Session::View view, std::string_view method,
              const std::string& target, std::string body, std::vector<net::HttpHeader> headers,
              net::Millis extra_wait) {
  const auto name = session.hub_name(hub);
  if (!name) return session.exit();
  const auto answer =
      session.hub_call(*name, method, target, std::move(body), std::move(headers), extra_wait);
  return answer ? session.show(view, *answer) : session.exit();
}

Exit hub_do(Session& session, const std::string& hub, std::string_view done,
            std::string_view method, const std::string& target, std::string body,
            std::vector<net::HttpHeader> headers) {
  const auto name = session.hub_name(hub);
  if (!name) return session.exit();
  if (!session.hub_call(*name, method, target, std::move(body), std::move(headers)))
    return session.exit();
  session.print(session.json() ? "{}\n" : std::string(done) + "\n");
  return Exit::ok;
}

namespace {

struct SettingArguments {
  std::string hub, tenant, disable_device_sas, disable_module_sas, fault_injection;
  std::vector<std::string> aliases, event_sources;
  int partitions = 0, retention_hours = 0, message_ttl_s = 0, delivery_count = 0;
  std::string file_upload, file_notifications;
  int file_sas_ttl_s = 0;
  int notification_ttl_s = 0, notification_lock_s = 0, notification_deliveries = 0;
  std::int64_t file_bytes_max = 0, device_bytes_max = 0, hub_bytes_max = 0;
};

struct StringArguments {
  IdentityArguments identity;
  std::string policy = "iothubowner";
  std::string key = "primary";
};

struct TokenArguments {
  std::string hub;
  std::string policy = "iothubowner";
  int seconds = 3600;
};

std::string hub_path(const std::string& hub, std::string_view rest = {}) {
  return "/hubs/" + url_encode(hub) + std::string(rest);
}

void add_file_settings(CLI::App* verb, SettingArguments& a);

void add_settings(CLI::App* verb, SettingArguments& a) {
  const auto flag = [&](const std::string& name, std::string& value, const std::string& about) {
    verb->add_option(name, value, about + ": true or false")
        ->check(CLI::IsMember({"true", "false"}));
  };
  verb->add_option("--host-alias", a.aliases, "another host name of the hub; may be repeated")
      ->take_all();
  verb->add_option("--retention-hours", a.retention_hours, "how long telemetry is kept")
      ->check(CLI::Range(1, 168));
  verb->add_option("--message-ttl", a.message_ttl_s, "seconds a message to a device waits")
      ->check(CLI::Range(60, 172'800));
  verb->add_option("--max-delivery-count", a.delivery_count, "deliveries of such a message")
      ->check(CLI::Range(1, 100));
  flag("--disable-device-sas", a.disable_device_sas, "refuse tokens of devices");
  flag("--disable-module-sas", a.disable_module_sas, "refuse tokens of modules");
  verb->add_option("--event-source", a.event_sources,
                   "what to tell of devices among their telemetry; may be repeated")
      ->take_all()
      ->check(CLI::IsMember(
          {"twinChangeEvents", "deviceLifecycleEvents", "deviceConnectionStateEvents", "none"}));
  flag("--fault-injection", a.fault_injection, "the test hook of the SDKs' fault suites");
  add_file_settings(verb, a);
}

void add_file_settings(CLI::App* verb, SettingArguments& a) {
  const auto flag = [&](const std::string& name, std::string& value, const std::string& about) {
    verb->add_option(name, value, about + ": true or false")
        ->check(CLI::IsMember({"true", "false"}));
  };
  const auto number = [&](const std::string& name, auto& value, const std::string& about) {
    verb->add_option(name, value, about)->check(CLI::PositiveNumber);
  };
  flag("--file-upload", a.file_upload, "devices may upload files");
  flag("--file-upload-notifications", a.file_notifications, "services hear of each");
  number("--file-upload-sas-ttl", a.file_sas_ttl_s, "seconds that a device has for one");
  number("--file-upload-notification-ttl", a.notification_ttl_s, "seconds a notification waits");
  number("--file-upload-notification-lock-duration", a.notification_lock_s,
         "seconds that a service has for one");
  number("--file-upload-notification-max-delivery-count", a.notification_deliveries,
         "deliveries of one");
  number("--file-upload-max-bytes", a.file_bytes_max, "of one file");
  number("--file-upload-device-max-bytes", a.device_bytes_max, "of all files of a device");
  number("--file-upload-hub-max-bytes", a.hub_bytes_max, "of all files of the hub");
}

json::object file_settings_of(const SettingArguments& a) {
  json::object out;
  json::object queue;
  const auto number = [](json::object& to, std::string_view name, std::int64_t value) {
    if (value != 0) to[name] = value;
  };
  if (!a.file_upload.empty()) out["enabled"] = a.file_upload == "true";
  if (!a.file_notifications.empty()) out["notifications"] = a.file_notifications == "true";
  number(out, "sas_ttl_s", a.file_sas_ttl_s);
  number(queue, "ttl_s", a.notification_ttl_s);
  number(queue, "lock_s", a.notification_lock_s);
  number(queue, "delivery_count_max", a.notification_deliveries);
  if (!queue.empty()) out["notification"] = std::move(queue);
  number(out, "file_bytes_max", a.file_bytes_max);
  number(out, "device_bytes_max", a.device_bytes_max);
  number(out, "hub_bytes_max", a.hub_bytes_max);
  return out;
}

json::object settings_of(const SettingArguments& a) {
  json::object out;
  const auto number = [&](std::string_view name, int value) {
    if (value != 0) out[name] = value;
  };
  const auto flag = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out[name] = value == "true";
  };
  number("partition_count", a.partitions);
  number("retention_hours", a.retention_hours);
  number("message_ttl_s", a.message_ttl_s);
  number("delivery_count_max", a.delivery_count);
  flag("disable_device_sas", a.disable_device_sas);
  flag("disable_module_sas", a.disable_module_sas);
  flag("fault_injection", a.fault_injection);
  if (!a.event_sources.empty()) {
    json::array sources;
    for (const std::string& source : a.event_sources)
      if (source != "none") sources.emplace_back(source);
    out["event_sources"] = std::move(sources);
  }
  if (json::object files = file_settings_of(a); !files.empty())
    out["file_upload"] = std::move(files);
  if (!a.aliases.empty()) {
    json::array aliases;
    for (const std::string& alias : a.aliases) aliases.emplace_back(alias);
    out["host_aliases"] = std::move(aliases);
  }
  return out;
}

// Texts that a list in an answer has under `key`, in its order.
std::vector<std::string> listed(const json::value& answer, std::string_view list,
                                std::string_view key) {
  std::vector<std::string> out;
  const json::object* object = answer.if_object();
  const json::value* all = object == nullptr ? nullptr : object->if_contains(list);
  if (all == nullptr || !all->is_array()) return out;
  for (const json::value& item : all->as_array()) {
    const json::value* text = item.is_object() ? item.as_object().if_contains(key) : nullptr;
    if (text != nullptr && text->is_string()) out.emplace_back(text->as_string());
  }
  return out;
}

std::string text_at(const json::value& value, std::string_view pointer) {
  boost::system::error_code failed;
  const json::value* found = value.find_pointer(pointer, failed);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

// The tenant that was named, or else the only one there is.
std::optional<std::string> tenant_name(Session& session, const std::string& given) {
  if (!given.empty()) return given;
  const auto answer = session.call("GET", "/tenants");
  if (!answer) return std::nullopt;
  const auto names = listed(*answer, "tenants", "id");
  if (names.size() == 1) return names[0];
  session.fail(Error(kBadArgument, names.empty() ? "make a tenant first: pavise tenant create NAME"
                                                 : "name the owner with --tenant"));
  return std::nullopt;
}

Exit create(Session& session, const SettingArguments& a) {
  const auto tenant = tenant_name(session, a.tenant);
  if (!tenant) return session.exit();
  return session.call_and_show(
      &view::hub, "POST", "/hubs",
      json::serialize(
          json::object{{"name", a.hub}, {"tenant", *tenant}, {"settings", settings_of(a)}}));
}

Exit update(Session& session, const SettingArguments& a) {
  const auto name = session.hub_name(a.hub);
  if (!name) return session.exit();
  const json::object settings = settings_of(a);
  if (settings.empty()) return session.fail(Error(kBadArgument, "give at least one setting"));
  return session.call_and_show(&view::hub, "PATCH", hub_path(*name),
                               json::serialize(json::object{{"settings", settings}}));
}

Exit remove(Session& session, const HubArguments& a) {
  if (!session.call("DELETE", hub_path(a.hub))) return session.exit();
  session.print(session.json() ? "{}\n" : "removed\n");
  return Exit::ok;
}

// The name that clients should use: the first alias, because whoever gave one can resolve it.
std::string client_host(const json::value& hub) {
  const std::string alias = text_at(hub, "/settings/host_aliases/0");
  return alias.empty() ? text_at(hub, "/host_name") : alias;
}

std::string shown_string(const json::value& answer, bool) {
  return text_at(answer, "/connectionString") + "\n";
}

// `text` is empty: nothing to build it from.
Exit show_string(Session& session, const std::string& text) {
  const json::object answer{{"connectionString", text}};
  session.print(session.json() ? json::serialize(answer) + "\n" : shown_string(answer, false));
  return Exit::ok;
}

Exit policy_string(Session& session, const StringArguments& a, const std::string& hub,
                   const std::string& host) {
  const auto answer = session.call("GET", hub_path(hub, "/policies"));
  if (!answer) return session.exit();
  const auto names = listed(*answer, "policies", "name");
  const auto keys = listed(*answer, "policies", a.key + "_key");
  for (std::size_t i = 0; i < names.size() && i < keys.size(); ++i)
    if (names[i] == a.policy)
      return show_string(session, "HostName=" + host + ";SharedAccessKeyName=" + a.policy +
                                      ";SharedAccessKey=" + keys[i]);
  return session.fail(Error(kBadArgument, "the hub has no policy " + a.policy));
}

Exit identity_string(Session& session, const StringArguments& a, const std::string& hub,
                     const std::string& host) {
  const auto answer = session.hub_call(hub, "GET", a.identity.path());
  if (!answer) return session.exit();
  std::string text = "HostName=" + host + ";DeviceId=" + a.identity.device;
  if (!a.identity.module_id.empty()) text += ";ModuleId=" + a.identity.module_id;
  const std::string type = text_at(*answer, "/authentication/type");
  if (type == "sas")
    text += ";SharedAccessKey=" + text_at(*answer, "/authentication/symmetricKey/" + a.key + "Key");
  else
    text += ";x509=true";
  return show_string(session, text);
}

Exit connection_string(Session& session, const StringArguments& a) {
  const auto name = session.hub_name(a.identity.hub);
  if (!name) return session.exit();
  const auto hub = session.call("GET", hub_path(*name));
  if (!hub) return session.exit();
  const std::string host = client_host(*hub);
  return a.identity.device.empty() ? policy_string(session, a, *name, host)
                                   : identity_string(session, a, *name, host);
}

std::string shown_token(const json::value& answer, bool) {
  return text_at(answer, "/token") + "\n";
}

Exit generate_token(Session& session, const TokenArguments& a) {
  const auto name = session.hub_name(a.hub);
  if (!name) return session.exit();
  return session.call_and_show(
      &shown_token, "POST", hub_path(*name, "/token"),
      json::serialize(json::object{{"policy", a.policy}, {"seconds", a.seconds}}));
}

void add_resource_verbs(CLI::App& hub, Action& run) {
  auto created = std::make_shared<SettingArguments>();
  CLI::App* make =
      add_verb(hub, "create", "make a hub",
               "  pavise hub create plant-1\n"
               "  pavise hub create plant-1 --tenant acme --host-alias iot.acme.example");
  make->add_option("NAME,-n,--name", created->hub, "3 to 50 of a-z, 0-9 and -")->required();
  make->add_option("--tenant", created->tenant,
                   "its owner; may be left out when there is only one");
  make->add_option("--partition-count", created->partitions, "partitions of its telemetry")
      ->check(CLI::Range(1, 32));
  add_settings(make, *created);
  on_verb(make, run, created, &create);

  auto owner = std::make_shared<SettingArguments>();
  CLI::App* list = add_verb(hub, "list", "hubs, by name", "  pavise hub list");
  list->add_option("--tenant", owner->tenant, "only hubs of this tenant");
  on_verb(list, run, owner, [](Session& session, const SettingArguments& a) {
    return session.call_and_show(&view::hubs, "GET", with_query("/hubs", {{"tenant", a.tenant}}));
  });

  auto shown = std::make_shared<HubArguments>();
  CLI::App* show = add_verb(hub, "show", "one hub", "  pavise hub show plant-1");
  show->add_option("NAME,-n,--name", shown->hub, "may be left out when there is only one");
  on_verb(show, run, shown, [](Session& session, const HubArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? session.call_and_show(&view::hub, "GET", hub_path(*name)) : session.exit();
  });

  auto changed = std::make_shared<SettingArguments>();
  CLI::App* change = add_verb(hub, "update", "change settings; what is not named stays",
                              "  pavise hub update plant-1 --retention-hours 72");
  change->add_option("NAME,-n,--name", changed->hub, "may be left out when there is only one");
  add_settings(change, *changed);
  on_verb(change, run, changed, &update);

  auto removed = std::make_shared<HubArguments>();
  CLI::App* drop = add_verb(hub, "delete", "remove a hub with all its devices and messages",
                            "  pavise hub delete plant-1");
  drop->add_option("NAME,-n,--name", removed->hub, "the hub")->required();
  on_verb(drop, run, removed, &remove);
}

void add_access_verbs(CLI::App& hub, Action& run) {
  CLI::App* strings = add_noun(hub, "connection-string", "what programs connect with");
  auto shown = std::make_shared<StringArguments>();
  CLI::App* show =
      add_verb(*strings, "show", "of a shared access policy, or of a device or module",
               "  pavise hub connection-string show plant-1\n"
               "  pavise hub connection-string show plant-1 --device thermo-1\n"
               "  pavise hub connection-string show plant-1 --policy service --key secondary");
  show->add_option("NAME,-n,--hub-name", shown->identity.hub,
                   "may be left out when there is only one");
  show->add_option("-d,--device,--device-id", shown->identity.device, "of this device");
  show->add_option("-m,--module,--module-id", shown->identity.module_id, "of this module of it")
      ->needs("--device");
  show->add_option("--policy,--policy-name", shown->policy,
                   "of this policy (default: iothubowner)");
  show->add_option("--key,--key-type", shown->key, "primary or secondary")
      ->check(CLI::IsMember({"primary", "secondary"}));
  on_verb(show, run, shown, &connection_string);

  auto made = std::make_shared<TokenArguments>();
  CLI::App* token =
      add_verb(hub, "generate-sas-token", "a token of a policy, for programs that take no keys",
               "  pavise hub generate-sas-token -n plant-1 --policy service --duration 600");
  add_hub_option(token, made->hub);
  token->add_option("--policy,--policy-name", made->policy, "the policy (default: iothubowner)");
  token->add_option("--duration", made->seconds, "seconds that it is good for")
      ->check(CLI::Range(1, 31'536'000));
  on_verb(token, run, made, &generate_token);
}

}  // namespace

void add_hub_verbs(CLI::App& program, Action& run) {
  CLI::App* hub = add_noun(program, "hub", "hubs for programs of the Azure IoT SDKs");
  add_resource_verbs(*hub, run);
  add_access_verbs(*hub, run);
  for (const bool of_module : {false, true}) {
    add_identity_verbs(*hub, run, of_module);
    add_hub_twin_verbs(*hub, run, of_module);
    add_method_verb(*hub, run, of_module);
  }
  add_c2d_verbs(*hub, run);
  add_monitor_verb(*hub, run);
  add_hub_query_verb(*hub, run);
  add_hub_job_verbs(*hub, run);
  add_top_verb(*hub, run);
  add_hub_certificate_verbs(*hub, run);
  add_configuration_verbs(*hub, run);
  add_hub_file_verbs(*hub, run);
  add_hub_routing_verbs(*hub, run);
}

}  // namespace pavise::cli
