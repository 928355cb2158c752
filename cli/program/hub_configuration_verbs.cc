// hub configuration: settings for all devices that a condition targets
#include <boost/json.hpp>

#include "cli/program/hub_verb.h"
#include "cli/program/input.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

struct ConfigurationArguments {
  std::string hub, id, content, condition, labels, metrics, etag, metric, metric_type = "user";
  std::vector<std::string> custom_labels, custom_queries;
  int priority = 0, top = 0;
  bool has_condition = false, has_priority = false;  // given, maybe empty or 0

  std::string path() const { return "/configurations/" + url_encode(id); }
};

// "{...}" or "{"name":{...}}", as az takes both.
Result<json::object> inner(const std::string& given, std::string_view name,
                           std::string_view option) {
  PAVISE_TRY_ASSIGN(json::object object, object_argument(given, option));
  json::value* const found = object.if_contains(name);
  if (found == nullptr) return object;
  if (!found->is_object())
    return Error(kBadArgument, std::string(name) + " in " + std::string(option));
  return std::move(found->get_object());
}

Status add_pairs(const std::vector<std::string>& pairs, std::string_view option,
                 json::object& out) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(kBadArgument, std::string(option) + " wants NAME=VALUE");
    out[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return {};
}

// Puts what was given into the body of a configuration.
Status put_fields(const ConfigurationArguments& a, json::object& body) {
  if (!a.content.empty()) {
    PAVISE_TRY_ASSIGN(body["content"], inner(a.content, "content", "--content"));
  }
  if (a.has_condition) body["targetCondition"] = a.condition;
  if (a.has_priority) body["priority"] = a.priority;
  if (!a.labels.empty() || !a.custom_labels.empty()) {
    json::object labels;
    if (!a.labels.empty()) {
      PAVISE_TRY_ASSIGN(labels, object_argument(a.labels, "--labels"));
    }
    PAVISE_TRY(add_pairs(a.custom_labels, "--custom-labels", labels));
    body["labels"] = std::move(labels);
  }
  if (a.metrics.empty() && a.custom_queries.empty()) return {};
  json::object queries;
  if (!a.metrics.empty()) {
    PAVISE_TRY_ASSIGN(json::object metrics, inner(a.metrics, "metrics", "--metrics"));
    const json::value* const given = metrics.if_contains("queries");
    if (given == nullptr || !given->is_object())
      return Error(kBadArgument, "--metrics wants {\"queries\":{NAME:QUERY}}");
    queries = given->get_object();
  }
  PAVISE_TRY(add_pairs(a.custom_queries, "--custom-metric-queries", queries));
  body["metrics"] = {{"queries", std::move(queries)}};
  return {};
}

Exit create(Session& session, const ConfigurationArguments& a) {
  json::object body{{"id", a.id}, {"schemaVersion", "1.0"}};
  if (const Status put = put_fields(a, body); !put) return session.fail(put.error());
  return hub_show(session, a.hub, &view::hub_configuration, "PUT", a.path(), json::serialize(body));
}

Exit show(Session& session, const ConfigurationArguments& a) {
  return hub_show(session, a.hub, &view::hub_configuration, "GET", a.path());
}

Exit list(Session& session, const ConfigurationArguments& a) {
  return hub_show(
      session, a.hub, &view::hub_configurations, "GET",
      with_query("/configurations", {{"top", a.top == 0 ? "" : std::to_string(a.top)}}));
}

Exit update(Session& session, const ConfigurationArguments& a) {
  json::object changes;
  if (const Status put = put_fields(a, changes); !put) return session.fail(put.error());
  if (changes.empty()) return session.fail(Error(kBadArgument, "give at least one change"));
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto before = session.hub_call(*hub, "GET", a.path());
  if (!before) return session.exit();
  if (!before->is_object()) return session.fail(Error(kBadAnswer, "no configuration"));
  json::object body = before->get_object();
  const json::value* const found = body.if_contains("etag");
  const std::string etag =
      found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
  for (auto& change : changes) body[change.key()] = std::move(change.value());
  return hub_show(session, a.hub, &view::hub_configuration, "PUT", a.path(), json::serialize(body),
                  {if_match(a.etag.empty() ? etag : a.etag)});
}

Exit remove(Session& session, const ConfigurationArguments& a) {
  return hub_do(session, a.hub, "removed", "DELETE", a.path(), {}, {if_match(a.etag)});
}

Exit show_metric(Session& session, const ConfigurationArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto configuration = session.hub_call(*hub, "GET", a.path());
  if (!configuration) return session.exit();
  boost::system::error_code failed;
  const json::value* const queries = configuration->find_pointer(
      a.metric_type == "system" ? "/systemMetrics/queries" : "/metrics/queries", failed);
  const json::value* const query = queries != nullptr && queries->is_object()
                                       ? queries->get_object().if_contains(a.metric)
                                       : nullptr;
  if (query == nullptr || !query->is_string())
    return session.fail(Error(kBadArgument, "the configuration has no " + a.metric_type +
                                                " metric of this name: " + a.metric));
  const auto rows = session.hub_pages(*hub, "POST", "/devices/query",
                                      json::serialize(json::object{{"query", *query}}), 0);
  if (!rows) return session.exit();
  const json::value answer{{"metric", a.metric}, {"query", *query}, {"result", *rows}};
  session.print(session.json() ? json::serialize(answer) + "\n"
                               : view::hub_metric(answer, session.colour()));
  return Exit::ok;
}

void add_fields(CLI::App* verb, const std::shared_ptr<ConfigurationArguments>& a) {
  verb->add_option_function<std::string>(
      "--tc,--target-condition",
      [a](const std::string& text) {
        a->condition = text;
        a->has_condition = true;
      },
      "whom it is for, such as tags.floor = 3; * for all; for modules, from devices.modules where "
      "…");
  verb->add_option_function<int>(
          "--pri,--priority",
          [a](int priority) {
            a->priority = priority;
            a->has_priority = true;
          },
          "the highest wins where two set the same; of equals the newest")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--lab,--labels", a->labels, "labels, as JSON or @FILE");
  verb->add_option("--cl,--custom-labels", a->custom_labels, "NAME=VALUE, several times");
  verb->add_option("-m,--metrics", a->metrics, "{\"queries\":{NAME:QUERY}}, as JSON or @FILE");
  verb->add_option("--cmq,--custom-metric-queries", a->custom_queries, "NAME=QUERY, several times");
}

}  // namespace

void add_configuration_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun =
      add_noun(hub, "configuration", "settings for all devices that a condition targets");
  using Arguments = std::shared_ptr<ConfigurationArguments>;
  const auto add = [&](const std::string& name, const std::string& about,
                       const std::string& example, bool of_one,
                       Exit (*action)(Session&, const ConfigurationArguments&)) {
    auto arguments = std::make_shared<ConfigurationArguments>();
    CLI::App* verb = add_verb(*noun, name, about, "  pavise hub configuration " + example);
    add_hub_option(verb, arguments->hub);
    if (of_one)
      verb->add_option("-c,--config-id", arguments->id, "id of the configuration")->required();
    on_verb(verb, run, arguments, action);
    return std::pair<CLI::App*, Arguments>(verb, arguments);
  };
  {
    const auto [verb, a] =
        add("create", "make one; it is applied as soon as it is there",
            "create -n plant-1 -c fan-on --pri 10 --tc 'tags.floor = 3' \\\n"
            "    --content '{\"deviceContent\":{\"properties.desired.fan\":{\"on\":true}}}' \\\n"
            "    --cmq \"on=SELECT deviceId FROM devices WHERE properties.reported.fan.on = true\"",
            true, &create);
    verb->add_option("-k,--content", a->content,
                     "{\"deviceContent\":{PATH:VALUE}} or moduleContent, as JSON or @FILE")
        ->required();
    add_fields(verb, a);
  }
  add("show", "one with its counts", "show -n plant-1 -c fan-on", true, &show);
  {
    const auto [verb, a] =
        add("list", "all, the highest priority first", "list -n plant-1", false, &list);
    verb->add_option("--top", a->top, "how many")->check(CLI::Range(1, 100));
  }
  {
    const auto [verb, a] = add("update", "change all but its content",
                               "update -n plant-1 -c fan-on --pri 20 --tc '*'", true, &update);
    add_fields(verb, a);
    add_etag_option(verb, a->etag);
  }
  {
    const auto [verb, a] = add("delete", "remove it and its settings from the devices",
                               "delete -n plant-1 -c fan-on", true, &remove);
    add_etag_option(verb, a->etag);
  }
  const auto [verb, a] =
      add("show-metric", "which devices a metric counts now",
          "show-metric -n plant-1 -c fan-on -m appliedCount --mt system", true, &show_metric);
  verb->add_option("-m,--metric-id", a->metric, "name of the metric")->required();
  verb->add_option("--mt,--metric-type", a->metric_type, "user (its own) or system (the hub's)")
      ->check(CLI::IsMember({"user", "system"}));
}

}  // namespace pavise::cli
