#include "cloud/hub/configurations/definition.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "common/base/ascii.h"
#include "common/json/exact_json.h"
#include "protocol/iothub/identity.h"
#include "protocol/twin/twin.h"

namespace pavise::hub::configurations {

namespace json = boost::json;

namespace {

constexpr std::size_t kDepthMax = 32;
constexpr std::string_view kRoot = "properties.desired";
constexpr std::string_view kDevices = "devices";
constexpr std::string_view kModules = "devices.modules";

Result<json::object> object_of(std::string_view text, const ErrorInfo& otherwise) {
  boost::system::error_code failed;
  json::value value = parse_finite(text, kDepthMax, failed);
  if (failed || !value.is_object()) return Error(otherwise, "not a JSON object");
  return std::move(value.get_object());
}

Result<std::vector<std::string>> path_of(std::string_view key) {
  std::vector<std::string> out;
  if (key == kRoot) return out;
  if (key.size() > kPathSizeMax) return Error(kBadContent, "a path is longer than 4096 bytes");
  if (!key.starts_with(kRoot) || key[kRoot.size()] != '.')
    return Error(kBadContent, std::string(key.substr(0, 100)) +
                                  ": paths begin with properties.desired and a dot");
  key.remove_prefix(kRoot.size() + 1);
  for (;;) {
    const std::size_t dot = key.find('.');
    out.emplace_back(key.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    key.remove_prefix(dot + 1);
  }
}

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::size_t size = std::min(a.size(), b.size());
  return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(size), b.begin());
}

// A number with a fraction, as a twin stores it: compared with what is stored, it must be equal.
void settle(json::value& value) {
  if (value.is_object()) {
    for (auto& member : value.get_object()) settle(member.value());
  } else if (value.is_array()) {
    for (auto& item : value.get_array()) settle(item);
  } else if (value.is_double()) {
    twin::Twin twin;
    if (!twin.merge(twin::Section::desired, json::serialize(json::object{{"v", value}}), 0)) return;
    boost::system::error_code failed;
    const json::value stored = parse_exactly(twin.section_json(twin::Section::desired), failed);
    if (!failed) value = stored.at("v");
  }
}

void skip_space(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\n' ||
                           text.front() == '\r'))
    text.remove_prefix(1);
}

// The next word, if it is this one.
bool take_word(std::string_view& text, std::string_view word) {
  std::string_view rest = text;
  skip_space(rest);
  const std::string_view found = rest.substr(0, rest.find_first_of(" \t\r\n"));
  if (!equal_folded(found, word)) return false;
  text = rest.substr(found.size());
  return true;
}

Result<const json::object*> object_member(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains(name);
  if (found == nullptr || found->is_null()) return static_cast<const json::object*>(nullptr);
  if (!found->is_object()) return Error(kBadContent, std::string(name) + " is not an object");
  return &found->get_object();
}

Status only_members(const json::object& object, std::initializer_list<std::string_view> names) {
  for (const auto& member : object)
    if (std::ranges::find(names, std::string_view(member.key())) == names.end())
      return Error(kBadContent, "there is no " + std::string(member.key()).substr(0, 100));
  return {};
}

// Of devices or of modules: what the content is for, and the condition must be, too.
Result<Settings> parse_content(const store::ConfigurationRecord& record, Target& target) {
  PAVISE_TRY_ASSIGN(const json::object content, object_of(record.content_json, kBadContent));
  PAVISE_TRY(only_members(content, {"deviceContent", "moduleContent", "modulesContent"}));
  PAVISE_TRY_ASSIGN(const auto* const device, object_member(content, "deviceContent"));
  PAVISE_TRY_ASSIGN(const auto* const module_part, object_member(content, "moduleContent"));
  PAVISE_TRY_ASSIGN(const auto* const edge, object_member(content, "modulesContent"));
  if (edge != nullptr)
    return Error(kBadContent,
                 "modulesContent: deployments to IoT Edge are not automatic here; send it to each "
                 "device with applyConfigurationContent");
  if ((device != nullptr) == (module_part != nullptr))
    return Error(kBadContent, "give deviceContent or moduleContent");
  if (module_part != nullptr && !target.of_modules && target.condition)
    return Error(kBadTargetCondition, "for moduleContent it begins with FROM devices.modules");
  if (device != nullptr && target.of_modules)
    return Error(kBadTargetCondition, "FROM devices.modules goes with moduleContent");
  target.of_modules = module_part != nullptr;
  return device != nullptr ? parse_settings(*device, "deviceContent")
                           : parse_settings(*module_part, "moduleContent");
}

Result<std::vector<Metric>> parse_metrics(std::string_view text) {
  std::vector<Metric> out;
  if (text.empty()) return out;
  PAVISE_TRY_ASSIGN(const json::object metrics, object_of(text, kBadMetric));
  const json::value* const queries = metrics.if_contains("queries");
  if (queries == nullptr || queries->is_null()) return out;
  if (!queries->is_object()) return Error(kBadMetric, "queries is not an object");
  if (queries->get_object().size() > kMetricsMax) return Error(kBadMetric, "more than 5 metrics");
  for (const auto& member : queries->get_object()) {
    const std::string name(member.key());
    if (name.empty() || name.size() > kMetricNameSizeMax)
      return Error(kBadMetric, "a name has 1 to 64 bytes");
    if (!member.value().is_string()) return Error(kBadMetric, name + " is not a string");
    std::string query(member.value().get_string());
    PAVISE_TRY_ASSIGN(auto parsed, parse_metric(name, query));
    out.push_back({name, std::move(query), std::move(parsed)});
  }
  return out;
}

}  // namespace

void lay_over(json::value& under, const json::value& over) {
  if (!over.is_object()) {
    under = over;
    return;
  }
  if (!under.is_object()) under.emplace_object();
  for (const auto& member : over.get_object())
    lay_over(under.get_object()[member.key()], member.value());
}

json::object patch_of(const Settings& settings) {
  json::value out(json::object_kind);
  for (const Setting& setting : settings) {
    json::value* at = &out;
    for (const std::string& name : setting.path) {
      if (!at->is_object()) at->emplace_object();
      at = &at->get_object()[name];
    }
    lay_over(*at, setting.value);
  }
  return std::move(out.get_object());
}

Result<Settings> parse_settings(const json::object& content, std::string_view name) {
  const std::string where(name);
  if (content.empty()) return Error(kBadContent, where + " is empty");
  if (content.size() > kSettingsMax) return Error(kBadContent, where + " has more than 100 paths");
  Settings out;
  for (const auto& member : content) {
    PAVISE_TRY_ASSIGN(auto path, path_of(member.key()));
    if (path.empty() && !member.value().is_object())
      return Error(kBadContent, where + ": properties.desired is an object");
    for (const Setting& other : out)
      if (overlap(path, other.path))
        return Error(kBadContent, where + ": two paths overlap, one is " +
                                      std::string(member.key()).substr(0, 100));
    out.push_back({std::move(path), member.value()});
  }
  // The rules of a twin, by a twin.
  const Status fits = twin::Twin().merge(twin::Section::desired, json::serialize(patch_of(out)), 0);
  if (!fits) return Error(kBadContent, where + ": " + std::string(fits.error().info().what));
  for (Setting& setting : out) settle(setting.value);
  return out;
}

Result<Target> parse_target(std::string_view text) {
  Target out;
  std::string_view rest = text;
  skip_space(rest);
  if (rest.empty()) return out;
  std::string_view after = rest;
  if (take_word(after, "from")) {
    out.of_modules = take_word(after, kModules);
    if (!out.of_modules && !take_word(after, kDevices))
      return Error(kBadTargetCondition, "FROM is followed by devices.modules");
    rest = after;
    skip_space(rest);
    if (rest.empty()) {
      rest = "*";
    } else if (!take_word(rest, "where")) {
      return Error(kBadTargetCondition, "WHERE is missing");
    }
  }
  auto condition = query::Condition::parse(rest);
  if (!condition)
    return Error(kBadTargetCondition,
                 std::string(condition.error().info().what) + ": " + condition.error().detail());
  out.condition = *std::move(condition);
  return out;
}

Result<query::Query> parse_metric(std::string_view name, std::string_view text) {
  auto query = query::Query::parse(text);
  if (!query)
    return Error(kBadMetric, std::string(name) + ": " + std::string(query.error().info().what) +
                                 ": " + query.error().detail());
  if (query->collection() == query::Collection::jobs)
    return Error(kBadMetric, std::string(name) + ": a metric counts devices or devices.modules");
  return query;
}

Result<Definition> Definition::parse(const store::ConfigurationRecord& record) {
  Definition out{.id = record.id, .target = {}, .settings = {}, .metrics = {}};
  PAVISE_TRY_ASSIGN(out.target, parse_target(record.target_condition));
  PAVISE_TRY_ASSIGN(out.settings, parse_content(record, out.target));
  PAVISE_TRY_ASSIGN(out.metrics, parse_metrics(record.metrics_json));
  return out;
}

Result<DeviceContent> parse_device_content(std::string_view body_json) {
  PAVISE_TRY_ASSIGN(const json::object body, object_of(body_json, kBadContent));
  PAVISE_TRY(only_members(body, {"deviceContent", "moduleContent", "modulesContent"}));
  PAVISE_TRY_ASSIGN(const auto* const device, object_member(body, "deviceContent"));
  PAVISE_TRY_ASSIGN(const auto* const module_part, object_member(body, "moduleContent"));
  PAVISE_TRY_ASSIGN(const auto* const modules, object_member(body, "modulesContent"));
  if (module_part != nullptr)
    return Error(kBadContent, "moduleContent does not say of which module; use modulesContent");
  if (device == nullptr && modules == nullptr)
    return Error(kBadContent, "give modulesContent or deviceContent");
  DeviceContent out;
  if (device != nullptr) {
    PAVISE_TRY_ASSIGN(out.device, parse_settings(*device, "deviceContent"));
  }
  if (modules == nullptr) return out;
  if (modules->size() > kContentModulesMax)
    return Error(kBadContent, "modulesContent has more than 50 modules");
  for (const auto& member : *modules) {
    const std::string id(member.key());
    if (!iothub::is_valid_id(id)) return Error(kBadContent, "modulesContent: id of a module");
    if (!member.value().is_object()) return Error(kBadContent, id + " is not an object");
    PAVISE_TRY_ASSIGN(auto settings, parse_settings(member.value().get_object(), id));
    out.modules.push_back({id, std::move(settings)});
  }
  if (out.device.empty() && out.modules.empty())
    return Error(kBadContent, "there is nothing in it to apply");
  return out;
}

std::string targeted_query(const store::ConfigurationRecord& record) {
  std::string_view rest = record.target_condition;
  skip_space(rest);
  if (rest.empty()) return {};
  std::string_view after = rest;
  if (take_word(after, "from")) return "SELECT deviceId, moduleId " + std::string(rest);
  const std::string out = "SELECT deviceId FROM devices";
  return rest == "*" ? out : out + " WHERE " + std::string(rest);
}

std::string applied_query(const store::ConfigurationRecord& record) {
  const auto target = parse_target(record.target_condition);
  const bool of_modules = target && target->of_modules;
  return std::string("SELECT deviceId") + (of_modules ? ", moduleId FROM " : " FROM ") +
         std::string(of_modules ? kModules : kDevices) + " WHERE configurations.[[" + record.id +
         "]].status = 'Applied'";
}

}  // namespace pavise::hub::configurations
