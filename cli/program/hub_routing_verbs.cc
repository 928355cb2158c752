// hub message-endpoint, hub message-route: what a hub's messages are brought to
#include <algorithm>
#include <boost/json.hpp>

#include "cli/program/hub_verb.h"
#include "cli/program/input.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kPemSizeMax = 64UL * 1024;
constexpr std::size_t kSecretSizeMax = 4096;

struct EndpointArguments {
  std::string hub, name, type, address, topic, user, secret_file, ca_file, tls, etag;
};

struct RouteArguments {
  std::string hub, name, source, endpoint, condition, enabled, etag;
};

struct TestArguments {
  std::string hub, name, source, body, properties, system_properties, twin;
};

std::string endpoints_path(const std::string& hub, const std::string& name = {}) {
  return "/hubs/" + url_encode(hub) + "/endpoints" + (name.empty() ? "" : "/" + url_encode(name));
}

std::string routes_path(const std::string& hub, const std::string& name = {}) {
  return "/hubs/" + url_encode(hub) + "/routes" + (name.empty() ? "" : "/" + url_encode(name));
}

void put(json::object& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out[name] = value;
}

void put_flag(json::object& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out[name] = value == "true";
}

// The first line of a file: arguments are seen by every process of the machine.
Result<std::string> read_secret(const std::string& path) {
  PAVISE_TRY_ASSIGN(std::string text, read_text_file(path, kSecretSizeMax));
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  if (text.empty()) return Error(kBadArgument, "the secret's file is empty");
  return text;
}

Result<json::object> settings_of(const EndpointArguments& a) {
  json::object out;
  put(out, "address", a.address);
  put(out, "topic", a.topic);
  put(out, "user", a.user);
  put_flag(out, "tls", a.tls);
  if (!a.secret_file.empty()) {
    PAVISE_TRY_ASSIGN(const std::string secret, read_secret(a.secret_file));
    out["secret"] = secret;
  }
  if (!a.ca_file.empty()) {
    PAVISE_TRY_ASSIGN(const std::string pem, read_text_file(a.ca_file, kPemSizeMax));
    out["ca"] = pem;
  }
  return out;
}

json::object settings_of(const RouteArguments& a) {
  json::object out;
  put(out, "source", a.source);
  put(out, "endpoint", a.endpoint);
  put(out, "condition", a.condition);
  put_flag(out, "enabled", a.enabled);
  return out;
}

std::vector<net::HttpHeader> only_if(const std::string& etag) {
  if (etag.empty()) return {};
  return {if_match(etag)};
}

Exit create_endpoint(Session& session, const EndpointArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto settings = settings_of(a);
  if (!settings) return session.fail(settings.error());
  json::object body{{"name", a.name}, {"type", a.type}};
  for (const auto& [name, value] : *settings) body[name] = value;
  return session.call_and_show(&view::routing_endpoint, "POST", endpoints_path(*hub),
                               json::serialize(body));
}

Exit update_endpoint(Session& session, const EndpointArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto settings = settings_of(a);
  if (!settings) return session.fail(settings.error());
  if (settings->empty()) return session.fail(Error(kBadArgument, "give at least one setting"));
  return session.call_and_show(&view::routing_endpoint, "PATCH", endpoints_path(*hub, a.name),
                               json::serialize(*settings), only_if(a.etag));
}

Exit create_route(Session& session, const RouteArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  json::object body = settings_of(a);
  body["name"] = a.name;
  return session.call_and_show(&view::route, "POST", routes_path(*hub), json::serialize(body));
}

Exit update_route(Session& session, const RouteArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const json::object body = settings_of(a);
  if (body.empty()) return session.fail(Error(kBadArgument, "give at least one setting"));
  return session.call_and_show(&view::route, "PATCH", routes_path(*hub, a.name),
                               json::serialize(body), only_if(a.etag));
}

Exit remove(Session& session, const std::string& path, const std::string& etag) {
  if (!session.call("DELETE", path, {}, only_if(etag))) return session.exit();
  session.print(session.json() ? "{}\n" : "removed\n");
  return Exit::ok;
}

Exit test_routes(Session& session, const TestArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  json::object body;
  put(body, "route", a.name);
  put(body, "source", a.source);
  put(body, "body", a.body);
  const std::pair<std::string_view, const std::string*> objects[] = {
      {"properties", &a.properties},
      {"system_properties", &a.system_properties},
      {"twin", &a.twin}};
  for (const auto& [name, text] : objects) {
    if (text->empty()) continue;
    auto given = object_argument(*text, name);
    if (!given) return session.fail(given.error());
    body[name] = *std::move(given);
  }
  return session.call_and_show(&view::route_test, "POST",
                               "/hubs/" + url_encode(*hub) + "/route-test", json::serialize(body));
}

void add_endpoint_settings(CLI::App* verb, EndpointArguments& a, bool needed) {
  verb->add_option("--address", a.address,
                   "https://HOST[:PORT][/PATH] of a webhook; HOST:PORT[,HOST:PORT] of NATS, Kafka")
      ->required(needed);
  verb->add_option("--topic", a.topic, "the subject of NATS, the topic of Kafka");
  verb->add_option("--user", a.user, "user of NATS or Kafka");
  verb->add_option("--secret-file", a.secret_file,
                   "file with the webhook's Authorization header, or a password or token");
  verb->add_option("--ca", a.ca_file,
                   "certificate authorities to trust, PEM (default: the system's)");
  verb->add_option("--tls", a.tls, "true or false; false only for NATS and Kafka without a secret")
      ->check(CLI::IsMember({"true", "false"}));
}

void add_endpoint_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun = add_noun(hub, "message-endpoint", "where routes can bring messages");
  const auto add = [&](const std::string& name, const std::string& about,
                       const std::string& example, bool named) {
    auto arguments = std::make_shared<EndpointArguments>();
    CLI::App* verb = add_verb(*noun, name, about, "  pavise hub message-endpoint " + example);
    add_hub_option(verb, arguments->hub);
    if (named)
      verb->add_option("--endpoint-name,--en", arguments->name, "name of the endpoint")->required();
    return std::pair(verb, arguments);
  };
  const auto [make, made] =
      add("create", "name a webhook, NATS subject or Kafka topic",
          "create -n plant-1 --en alarms --type webhook --address https://alarms.example/in "
          "--secret-file auth.txt",
          true);
  make->add_option("--type", made->type, "webhook, nats or kafka")
      ->required()
      ->check(CLI::IsMember({"webhook", "nats", "kafka"}));
  add_endpoint_settings(make, *made, true);
  on_verb(make, run, made, &create_endpoint);

  const auto [change, changed] = add("update", "change settings; what is not named stays",
                                     "update -n plant-1 --en alarms --ca ca.pem", true);
  add_endpoint_settings(change, *changed, false);
  add_etag_option(change, changed->etag);
  on_verb(change, run, changed, &update_endpoint);

  const auto [list, listed] =
      add("list", "all of a hub, with their health", "list -n plant-1", false);
  on_verb(list, run, listed, [](Session& session, const EndpointArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? session.call_and_show(&view::routing_endpoints, "GET", endpoints_path(*name))
                : session.exit();
  });
  const auto [show, shown] = add("show", "one endpoint", "show -n plant-1 --en alarms", true);
  on_verb(show, run, shown, [](Session& session, const EndpointArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? session.call_and_show(&view::routing_endpoint, "GET",
                                        endpoints_path(*name, a.name))
                : session.exit();
  });
  const auto [drop, dropped] =
      add("delete", "remove one that no route leads to", "delete -n plant-1 --en alarms", true);
  add_etag_option(drop, dropped->etag);
  on_verb(drop, run, dropped, [](Session& session, const EndpointArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? remove(session, endpoints_path(*name, a.name), a.etag) : session.exit();
  });
}

void add_source_option(CLI::App* verb, std::string& source) {
  verb->add_option("--source-type,--source,--type", source,
                   "DeviceMessages (default), TwinChangeEvents, DeviceLifecycleEvents or "
                   "DeviceConnectionStateEvents");
}

void add_route_settings(CLI::App* verb, RouteArguments& a, bool needed) {
  add_source_option(verb, a.source);
  verb->add_option("--endpoint-name,--en", a.endpoint, "where to; events is the hub's own")
      ->required(needed);
  verb->add_option("-c,--condition", a.condition, "which messages (default: true)");
  verb->add_option("--enabled", a.enabled, "true or false")
      ->check(CLI::IsMember({"true", "false"}));
}

void add_route_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun = add_noun(hub, "message-route", "which messages go to which endpoint");
  const auto add = [&](const std::string& name, const std::string& about,
                       const std::string& example, bool named) {
    auto arguments = std::make_shared<RouteArguments>();
    CLI::App* verb = add_verb(*noun, name, about, "  pavise hub message-route " + example);
    add_hub_option(verb, arguments->hub);
    if (named)
      verb->add_option("--route-name,--rn", arguments->name, "name of the route")->required();
    return std::pair(verb, arguments);
  };
  const auto [make, made] =
      add("create", "a condition and an endpoint",
          "create -n plant-1 --rn hot --en alarms -c \"$body.temperature > 30\"", true);
  add_route_settings(make, *made, true);
  on_verb(make, run, made, &create_route);

  const auto [change, changed] = add("update", "change settings; what is not named stays",
                                     "update -n plant-1 --rn hot --enabled false", true);
  add_route_settings(change, *changed, false);
  add_etag_option(change, changed->etag);
  on_verb(change, run, changed, &update_route);

  const auto [list, listed] = add("list", "all of a hub", "list -n plant-1", false);
  on_verb(list, run, listed, [](Session& session, const RouteArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? session.call_and_show(&view::routes, "GET", routes_path(*name)) : session.exit();
  });
  const auto [show, shown] = add("show", "one route", "show -n plant-1 --rn hot", true);
  on_verb(show, run, shown, [](Session& session, const RouteArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? session.call_and_show(&view::route, "GET", routes_path(*name, a.name))
                : session.exit();
  });
  const auto [drop, dropped] = add("delete", "remove one", "delete -n plant-1 --rn hot", true);
  add_etag_option(drop, dropped->etag);
  on_verb(drop, run, dropped, [](Session& session, const RouteArguments& a) {
    const auto name = session.hub_name(a.hub);
    return name ? remove(session, routes_path(*name, a.name), a.etag) : session.exit();
  });

  auto tried = std::make_shared<TestArguments>();
  CLI::App* test = add_verb(*noun, "test", "which routes would take such a message",
                            "  pavise hub message-route test -n plant-1 --body '{\"t\":31}' "
                            "--system-properties '{\"contentType\":\"application/json\","
                            "\"contentEncoding\":\"utf-8\"}'");
  add_hub_option(test, tried->hub);
  test->add_option("--route-name,--rn", tried->name, "only this route (default: all)");
  add_source_option(test, tried->source);
  test->add_option("-b,--body", tried->body, "its body");
  test->add_option("--app-properties,--ap", tried->properties, "its properties, JSON or @FILE");
  test->add_option("--system-properties,--sp", tried->system_properties,
                   "system properties by their names in conditions, JSON or @FILE");
  test->add_option("--twin", tried->twin, "the sender's twin, JSON or @FILE");
  on_verb(test, run, tried, &test_routes);
}

}  // namespace

void add_hub_routing_verbs(CLI::App& hub, Action& run) {
  add_endpoint_verbs(hub, run);
  add_route_verbs(hub, run);
}

}  // namespace pavise::cli
