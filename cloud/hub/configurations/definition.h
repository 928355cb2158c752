// What a configuration says, read and checked: whom it targets, which settings it makes, and what
// is counted. Pure; not bound to the store. Exceptions of the JSON library stop here.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/hub/configurations/errors.h"
#include "cloud/hub/store/records.h"
#include "protocol/query/query.h"

namespace pavise::hub::configurations {

inline constexpr std::size_t kSettingsMax = 100;       // of one twin, in one configuration
inline constexpr std::size_t kPathSizeMax = 4096;      // "properties.desired.…"
inline constexpr std::size_t kMetricsMax = 5;          // documented
inline constexpr std::size_t kMetricNameSizeMax = 64;  // ours, as are the next
inline constexpr std::size_t kLabelsMax = 64;
inline constexpr std::size_t kLabelSizeMax = 256;  // name and value, each
inline constexpr std::size_t kContentModulesMax = store::kModulesMax;

// One path of the content and its value. An empty path is "properties.desired" itself.
struct Setting {
  std::vector<std::string> path;
  boost::json::value value;
};
using Settings = std::vector<Setting>;

// {"properties.desired.a.b": value, ...}: paths that do not overlap, and together what fits into
// the desired properties of a twin. Numbers come out as a twin stores them. `name` goes into the
// detail. kBadContent.
Result<Settings> parse_settings(const boost::json::object& content, std::string_view name);
// The settings as a patch of desired properties (nulls stay: they delete).
boost::json::object patch_of(const Settings& settings);
// Lays one value over another as a merge does, but keeps nulls.
void lay_over(boost::json::value& under, const boost::json::value& over);

// Whom a configuration targets.
struct Target {
  bool of_modules = false;
  std::optional<query::Condition> condition;  // nullopt: nobody
};
// The text after WHERE, "*", or nothing; "FROM devices.modules [WHERE ...]" for modules.
// kBadTargetCondition.
Result<Target> parse_target(std::string_view text);

// A query whose rows are counted. kBadMetric with `name`.
Result<query::Query> parse_metric(std::string_view name, std::string_view text);

struct Metric {
  std::string name;
  std::string text;
  query::Query query;
};

struct Definition {
  std::string id;
  Target target;
  Settings settings;
  std::vector<Metric> metrics;

  // Of a record as it is stored, or is to be. All the errors above; kBadContent also when content
  // and target are not of the same kind.
  static Result<Definition> parse(const store::ConfigurationRecord& record);
};

// The body of applyConfigurationContent: what is written to one device and its modules, once.
struct ModuleContent {
  std::string module_id;
  Settings settings;
};
struct DeviceContent {
  Settings device;
  std::vector<ModuleContent> modules;
};
// kBadContent: no object, nothing in it, or moduleContent.
Result<DeviceContent> parse_device_content(std::string_view body_json);

// Queries that list whom a configuration targets, and where it is in effect.
std::string targeted_query(const store::ConfigurationRecord& record);
std::string applied_query(const store::ConfigurationRecord& record);

}  // namespace pavise::hub::configurations
