#include "cloud/hub/rest/configuration_json.h"

#include <boost/json/serialize.hpp>

#include "cloud/hub/configurations/definition.h"
#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/rest_api.h"
#include "common/json/exact_json.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using configurations::Counts;
using store::ConfigurationRecord;

namespace {

constexpr std::string_view kSchemaDefault = "1.0";
constexpr std::size_t kSchemaSizeMax = 16;

json::value stored(const std::string& text) {
  boost::system::error_code failed;
  json::value value = parse_exactly(text.empty() ? "{}" : text, failed);
  return failed ? json::value(json::object_kind) : value;
}

json::object system_metrics(const ConfigurationRecord& record,
                            const std::optional<Counts>& counts) {
  json::object results;
  if (counts) results = {{"targetedCount", counts->targeted}, {"appliedCount", counts->applied}};
  json::object queries;
  const std::string targeted = configurations::targeted_query(record);
  if (!targeted.empty()) queries["targetedCount"] = targeted;
  queries["appliedCount"] = configurations::applied_query(record);
  return {{"results", std::move(results)}, {"queries", std::move(queries)}};
}

json::object user_metrics(const ConfigurationRecord& record, const std::optional<Counts>& counts) {
  json::object results;
  if (counts)
    for (const auto& [name, count] : counts->metrics) results[name] = count;
  const json::value metrics = stored(record.metrics_json);
  const json::value* const queries =
      metrics.is_object() ? metrics.get_object().if_contains("queries") : nullptr;
  return {{"results", std::move(results)},
          {"queries", queries != nullptr ? *queries : json::value(json::object_kind)}};
}

Result<std::string> labels_of(const json::object& body) {
  const json::value* const labels = body.if_contains("labels");
  if (labels == nullptr || labels->is_null()) return std::string("{}");
  if (!labels->is_object()) return Error(kBadBody, "labels is not an object");
  if (labels->get_object().size() > configurations::kLabelsMax)
    return Error(kBadBody, "more than 64 labels");
  for (const auto& member : labels->get_object()) {
    if (!member.value().is_string()) return Error(kBadBody, "a label is not a string");
    if (member.key().empty() || member.key().size() > configurations::kLabelSizeMax ||
        member.value().get_string().size() > configurations::kLabelSizeMax)
      return Error(kBadBody, "name and value of a label have at most 256 bytes");
  }
  return json::serialize(*labels);
}

Result<std::int32_t> priority_of(const json::object& body) {
  const json::value* const priority = body.if_contains("priority");
  if (priority == nullptr || priority->is_null()) return 0;
  if (!priority->is_int64() || priority->get_int64() < 0 || priority->get_int64() > INT32_MAX)
    return Error(kBadBody, "priority is a whole number from 0 to 2147483647");
  return static_cast<std::int32_t>(priority->get_int64());
}

}  // namespace

json::object configuration_json(const ConfigurationRecord& record,
                                const std::optional<Counts>& counts) {
  return {{"id", record.id},
          {"schemaVersion", record.schema_version},
          {"labels", stored(record.labels_json)},
          {"content", stored(record.content_json)},
          {"targetCondition", record.target_condition},
          {"createdTimeUtc", time_text(record.created_ms)},
          {"lastUpdatedTimeUtc", time_text(record.updated_ms)},
          {"priority", record.priority},
          {"systemMetrics", system_metrics(record, counts)},
          {"metrics", user_metrics(record, counts)},
          {"etag", record.etag}};
}

Result<ConfigurationRecord> configuration_fields(const json::object& body) {
  ConfigurationRecord out;
  PAVISE_TRY_ASSIGN(out.schema_version, text_member(body, "schemaVersion"));
  if (out.schema_version.empty()) out.schema_version = kSchemaDefault;
  if (out.schema_version.size() > kSchemaSizeMax)
    return Error(kBadBody, "schemaVersion has more than 16 bytes");
  PAVISE_TRY_ASSIGN(out.labels_json, labels_of(body));
  PAVISE_TRY_ASSIGN(out.target_condition, text_member(body, "targetCondition"));
  PAVISE_TRY_ASSIGN(out.priority, priority_of(body));
  const json::value* const content = body.if_contains("content");
  if (content != nullptr && !content->is_null()) out.content_json = json::serialize(*content);
  const json::value* const metrics = body.if_contains("metrics");
  json::value queries(json::object_kind);
  if (metrics != nullptr && !metrics->is_null()) {
    if (!metrics->is_object()) return Error(kBadBody, "metrics is not an object");
    const json::value* const given = metrics->get_object().if_contains("queries");
    if (given != nullptr && !given->is_null()) queries = *given;
  }
  out.metrics_json = json::serialize(json::object{{"queries", std::move(queries)}});
  return out;
}

}  // namespace pavise::hub::rest
