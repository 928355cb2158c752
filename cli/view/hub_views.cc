#include "cli/view/hub_views.h"

#include <algorithm>

#include "cli/view/answer.h"

namespace pavise::cli::view {

namespace json = boost::json;

namespace {

std::string aliases(const json::value& hub) {
  std::string out;
  for (const json::value& alias : items(member(hub, "settings"), "host_aliases"))
    out += (out.empty() ? "" : ", ") + scalar(alias);
  return out.empty() ? "-" : out;
}

std::string event_sources(const json::value& settings) {
  std::string out;
  for (const json::value& source : items(settings, "event_sources"))
    out += (out.empty() ? "" : ", ") + scalar(source);
  return out.empty() ? "none" : out;
}

std::vector<Cell> hub_row(const json::value& item) {
  return {text(item, "name"), text(item, "tenant"), text(item, "host_name"), aliases(item),
          text(item, "created")};
}

Cell verified_cell(const json::value& certificate) {
  if (member(certificate, "verified") == json::value(true)) return {"verified", Mood::good};
  return {"not verified", Mood::bad};
}

std::vector<Cell> certificate_row(const json::value& item) {
  return {text(item, "name"), text(item, "subject"), verified_cell(item), text(item, "not_after"),
          short_id(text(item, "thumbprint"))};
}

Cell health_cell(const json::value& endpoint) {
  const std::string state = text(member(endpoint, "health"), "state");
  if (state == "healthy") return {state, Mood::good};
  return {state, state == "unhealthy" ? Mood::bad : Mood::faint};
}

std::vector<Cell> endpoint_row(const json::value& item) {
  return {text(item, "name"),         text(item, "type"), text(item, "address"),
          text(item, "topic"),        health_cell(item),  text(item, "delivered"),
          text(item, "dead_letters"), text(item, "gaps")};
}

Cell enabled_cell(const json::value& route) {
  if (member(route, "enabled") == json::value(true)) return {"enabled", Mood::good};
  return {"disabled", Mood::faint};
}

std::vector<Cell> route_row(const json::value& item) {
  return {text(item, "name"), text(item, "source"), text(item, "endpoint"), enabled_cell(item),
          text(item, "condition")};
}

Cell verdict_cell(const json::value& verdict) {
  const std::string result = text(verdict, "result");
  return {result, result == "matches" ? Mood::good : Mood::faint};
}

// "-" before the hub has looked.
std::string result_of(const json::value& configuration, std::string_view name) {
  return text(member(member(configuration, "systemMetrics"), "results"), name);
}

std::vector<Cell> configuration_row(const json::value& item) {
  return {text(item, "id"), text(item, "priority"), text(item, "targetCondition"),
          result_of(item, "targetedCount"), result_of(item, "appliedCount")};
}

Cell status_cell(const json::value& identity) {
  const std::string status = text(identity, "status");
  if (status == "enabled") return {status, Mood::good};
  return {status, Mood::faint};
}

std::vector<Cell> file_row(const json::value& item) {
  return {text(item, "deviceId"), text(item, "blobName"), text(item, "sizeInBytes"),
          text(item, "contentType"), text(item, "lastUpdatedTime")};
}

std::vector<Cell> identity_row(const json::value& item) {
  return {text(item, "deviceId"),
          text(item, "moduleId"),
          status_cell(item),
          text(member(item, "authentication"), "type"),
          text(item, "connectionState"),
          text(item, "cloudToDeviceMessageCount")};
}

std::vector<Cell> twin_row(const json::value& item) {
  return {text(item, "deviceId"), text(item, "moduleId"), status_cell(item),
          text(item, "connectionState"), compact(member(item, "tags"))};
}

Cell job_status_cell(const json::value& job) {
  const std::string status = text(job, "status");
  if (status == "completed") return {status, Mood::good};
  if (status == "failed") return {status, Mood::bad};
  return {status, status.starts_with("cancel") ? Mood::faint : Mood::plain};
}

// What a part's device answered, or the words of its error.
Cell outcome_cell(const json::value& part) {
  const json::value& error = member(part, "error");
  if (error.is_object()) return {text(error, "code"), Mood::bad};
  const json::value& answer = member(member(part, "outcome"), "deviceMethodResponse");
  return answer.is_null() ? "-" : compact(answer);
}

std::vector<Cell> part_row(const json::value& item) {
  return {text(item, "jobId"), text(item, "deviceId"), job_status_cell(item),
          text(item, "endTimeUtc"), outcome_cell(item)};
}

std::vector<Cell> job_row(const json::value& item) {
  const json::value& counts = member(item, "deviceJobStatistics");
  return {text(item, "jobId"),        text(item, "type"),          job_status_cell(item),
          text(item, "startTime"),    text(counts, "deviceCount"), text(counts, "succeededCount"),
          text(counts, "failedCount")};
}

const json::array& rows_of(const json::value& answer) {
  static const json::array none;
  const json::array* all = answer.if_array();
  return all == nullptr ? none : *all;
}

// A column for each name that a row has, in the order in which names appear.
Table projected(const json::array& rows) {
  std::vector<std::string> names;
  for (const json::value& row : rows)
    if (const json::object* object = row.if_object())
      for (const auto& [name, value] : *object)
        if (std::ranges::find(names, std::string_view(name)) == names.end())
          names.emplace_back(name);
  std::vector<std::string> header;
  header.reserve(names.size());
  for (const std::string& name : names) header.push_back(safe_text(name));
  Table table(std::move(header));
  for (const json::value& row : rows) {
    std::vector<Cell> cells;
    for (const std::string& name : names) {
      const json::value& value = member(row, name);
      cells.emplace_back(value.is_structured() ? compact(value) : scalar(value));
    }
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace

std::string hubs(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "hubs");
  return list_of(all, {"HUB", "TENANT", "HOST NAME", "ALIASES", "CREATED"}, &hub_row).text(colour) +
         count_line(all.size(), "hub");
}

std::string hub_files(const json::value& answer, bool colour) {
  static const json::array kNone;
  const json::array& all = answer.is_array() ? answer.get_array() : kNone;
  return list_of(all, {"DEVICE", "FILE", "BYTES", "TYPE", "CHANGED"}, &file_row).text(colour) +
         count_line(all.size(), "file");
}

std::string hub(const json::value& answer, bool colour) {
  const json::value& settings = member(answer, "settings");
  Facts facts;
  facts.add("hub", text(answer, "name"));
  facts.add("tenant", text(answer, "tenant"));
  facts.add("host name", text(answer, "host_name"));
  facts.add("aliases", aliases(answer));
  if (answer.is_object() && answer.as_object().contains("devices")) {
    facts.add("devices", text(answer, "devices") + ", " + text(answer, "connected") + " connected");
    facts.add("modules", text(answer, "modules"));
  }
  facts.add("partitions", text(settings, "partition_count"));
  facts.add("retention", text(settings, "retention_hours") + " h");
  facts.add("events of devices", event_sources(settings));
  facts.add("message lifetime", text(settings, "message_ttl_s") + " s, at most " +
                                    text(settings, "delivery_count_max") + " deliveries");
  facts.add("tokens of devices",
            member(settings, "disable_device_sas") == json::value(true) ? "refused" : "accepted");
  facts.add("file upload",
            member(member(settings, "file_upload"), "enabled") == json::value(true) ? "on" : "off");
  facts.add("fault injection", text(settings, "fault_injection"));
  facts.add("created", text(answer, "created"));
  facts.add("etag", text(answer, "etag"));
  return facts.text(colour);
}

std::string hub_certificates(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "certificates");
  return list_of(all, {"CERTIFICATE", "SUBJECT", "STATE", "UNTIL", "THUMBPRINT"}, &certificate_row)
             .text(colour) +
         count_line(all.size(), "certificate");
}

std::string hub_certificate(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("certificate", text(answer, "name"));
  facts.add("subject", text(answer, "subject"));
  facts.add("state", verified_cell(answer));
  if (member(answer, "verification_code").is_string())
    facts.add("verification code", text(answer, "verification_code"));
  facts.add("thumbprint", text(answer, "thumbprint"));
  facts.add("until", text(answer, "not_after"));
  facts.add("etag", text(answer, "etag"));
  return facts.text(colour);
}

std::string routing_endpoints(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "endpoints");
  return list_of(all,
                 {"ENDPOINT", "TYPE", "ADDRESS", "TOPIC", "HEALTH", "DELIVERED", "DROPPED", "GAPS"},
                 &endpoint_row)
             .text(colour) +
         count_line(all.size(), "endpoint");
}

std::string routing_endpoint(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("endpoint", text(answer, "name"));
  facts.add("type", text(answer, "type"));
  facts.add("address", text(answer, "address"));
  if (member(answer, "topic").is_string()) facts.add("topic", text(answer, "topic"));
  if (member(answer, "user").is_string()) facts.add("user", text(answer, "user"));
  facts.add("secret", member(answer, "has_secret") == json::value(true) ? "set" : "none");
  facts.add("authorities", member(answer, "ca").is_string() ? "its own" : "the system's");
  facts.add("TLS",
            member(answer, "tls") == json::value(false) ? Cell("off", Mood::bad) : Cell("on"));
  facts.add("health", health_cell(answer));
  const json::value& health = member(answer, "health");
  if (member(health, "error").is_string())
    facts.add("last error", text(health, "error_time") + " " + text(health, "error"));
  facts.add("delivered", text(answer, "delivered"));
  facts.add("dropped", text(answer, "dead_letters"));
  facts.add("gaps", text(answer, "gaps"));
  facts.add("next offset", text(answer, "cursor"));
  facts.add("etag", text(answer, "etag"));
  return facts.text(colour);
}

std::string routes(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "routes");
  return list_of(all, {"ROUTE", "SOURCE", "ENDPOINT", "STATE", "CONDITION"}, &route_row)
             .text(colour) +
         count_line(all.size(), "route");
}

std::string route(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("route", text(answer, "name"));
  facts.add("source", text(answer, "source"));
  facts.add("endpoint", text(answer, "endpoint"));
  facts.add("condition", text(answer, "condition"));
  facts.add("state", enabled_cell(answer));
  facts.add("etag", text(answer, "etag"));
  return facts.text(colour);
}

std::string route_test(const json::value& answer, bool colour) {
  Table table({"ROUTE", "ENDPOINT", "RESULT"});
  for (const json::value& verdict : items(answer, "routes"))
    table.add({text(verdict, "name"), text(verdict, "endpoint"), verdict_cell(verdict)});
  std::string reached;
  for (const json::value& endpoint : items(answer, "endpoints"))
    reached += (reached.empty() ? "" : ", ") + scalar(endpoint);
  return table.text(colour) + "goes to " + safe_text(reached) + "\n";
}

std::string hub_configurations(const json::value& answer, bool colour) {
  static const json::array none;
  const json::array* all = answer.if_array();
  if (all == nullptr) all = &none;
  return list_of(*all, {"CONFIGURATION", "PRIORITY", "TARGET", "TARGETED", "APPLIED"},
                 &configuration_row)
             .text(colour) +
         count_line(all->size(), "configuration");
}

std::string hub_configuration(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("configuration", text(answer, "id"));
  facts.add("priority", text(answer, "priority"));
  facts.add("target", text(answer, "targetCondition"));
  facts.add("content", compact(member(answer, "content")));
  facts.add("labels", compact(member(answer, "labels")));
  facts.add("targeted", result_of(answer, "targetedCount"));
  facts.add("applied", result_of(answer, "appliedCount"));
  const json::value& metrics = member(answer, "metrics");
  if (const json::object* queries = member(metrics, "queries").if_object())
    for (const auto& query : *queries)
      facts.add("metric " + std::string(query.key()),
                text(member(metrics, "results"), query.key()) + "  " + scalar(query.value()));
  facts.add("created", text(answer, "createdTimeUtc"));
  facts.add("updated", text(answer, "lastUpdatedTimeUtc"));
  facts.add("etag", text(answer, "etag"));
  return facts.text(colour);
}

std::string hub_metric(const json::value& answer, bool) {
  const json::array& rows = items(answer, "result");
  std::string out;
  for (const json::value& row : rows) out += safe_text(compact(row)) + "\n";
  return out + count_line(rows.size(), "row");
}

std::string hub_event(const json::value& item, bool colour) {
  const json::value& body = member(item, "body");
  const std::string message =
      body.is_null() ? text(item, "body_base64") + " (base64)" : compact(body);
  std::string sender = text(item, "device");
  if (member(item, "module").is_string()) sender += "/" + text(item, "module");
  std::string line = coloured({text(item, "time"), Mood::faint}, colour) + "  " +
                     safe_text(sender) + "  " + safe_text(message);
  const json::value& properties = member(item, "properties");
  if (properties.is_object() && !properties.as_object().empty())
    line += "  " + coloured({compact(properties), Mood::faint}, colour);
  return line + "\n";
}

std::string identities(const json::value& answer, bool colour) {
  static const json::array none;
  const json::array* all = answer.if_array();
  if (all == nullptr) all = &none;
  return list_of(*all, {"DEVICE", "MODULE", "STATUS", "AUTHENTICATION", "CONNECTION", "WAITING"},
                 &identity_row)
             .text(colour) +
         std::to_string(all->size()) + (all->size() == 1 ? " identity\n" : " identities\n");
}

// Without keys: they are shown by connection-string show, and with -o json.
std::string identity(const json::value& answer, bool colour) {
  const json::value& auth = member(answer, "authentication");
  Facts facts;
  facts.add("device", text(answer, "deviceId"));
  if (member(answer, "moduleId").is_string()) facts.add("module", text(answer, "moduleId"));
  facts.add("status", status_cell(answer));
  facts.add("status reason", text(answer, "statusReason"));
  facts.add("authentication", text(auth, "type"));
  const json::value& prints = member(auth, "x509Thumbprint");
  if (member(prints, "primaryThumbprint").is_string())
    facts.add("primary thumbprint", text(prints, "primaryThumbprint"));
  if (member(prints, "secondaryThumbprint").is_string())
    facts.add("secondary thumbprint", text(prints, "secondaryThumbprint"));
  facts.add("connection", text(answer, "connectionState"));
  facts.add("last activity", text(answer, "lastActivityTime"));
  facts.add("messages waiting", text(answer, "cloudToDeviceMessageCount"));
  facts.add("generation", text(answer, "generationId"));
  facts.add("etag", text(answer, "etag"));
  return facts.text(colour);
}

std::string hub_twin(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("device", text(answer, "deviceId"));
  if (member(answer, "moduleId").is_string()) facts.add("module", text(answer, "moduleId"));
  facts.add("etag", text(answer, "etag"));
  facts.add("tags", compact(member(answer, "tags")));
  for (const std::string section : {"desired", "reported"}) {
    json::value value = member(member(answer, "properties"), section);
    const std::string version = text(value, "$version");
    if (json::object* object = value.if_object()) {
      object->erase("$metadata");
      object->erase("$version");
    }
    std::string name = section;
    facts.add(name.append(", version ").append(version), compact(value));
  }
  return facts.text(colour);
}

std::string method_result(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("status", text(answer, "status"));
  facts.add("payload", compact(member(answer, "payload")));
  return facts.text(colour);
}

// Twins and parts of jobs are told by their members; anything else is shown as it was selected.
std::string query_rows(const json::value& answer, bool colour) {
  const json::array& rows = rows_of(answer);
  const auto has = [&](std::string_view name) {
    return !rows.empty() && !member(rows.front(), name).is_null();
  };
  const Table table =
      has("deviceEtag")
          ? list_of(rows, {"DEVICE", "MODULE", "STATUS", "CONNECTION", "TAGS"}, &twin_row)
      : has("jobType") ? list_of(rows, {"JOB", "DEVICE", "STATUS", "END", "OUTCOME"}, &part_row)
                       : projected(rows);
  return (rows.empty() ? std::string() : table.text(colour)) + count_line(rows.size(), "row");
}

std::string hub_jobs(const json::value& answer, bool colour) {
  const json::array& rows = rows_of(answer);
  return list_of(rows, {"JOB", "TYPE", "STATUS", "START", "DEVICES", "SUCCEEDED", "FAILED"},
                 &job_row)
             .text(colour) +
         count_line(rows.size(), "job");
}

std::string hub_transfer(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("job", text(answer, "jobId"));
  facts.add("type", text(answer, "type"));
  facts.add("status", text(answer, "status"));
  facts.add("progress", text(answer, "progress") + " %");
  if (member(answer, "failureReason").is_string())
    facts.add("reason", text(answer, "failureReason"));
  facts.add("output", text(answer, "outputBlobContainerUri"));
  return facts.text(colour);
}

std::string hub_job(const json::value& answer, bool colour) {
  const json::value& counts = member(answer, "deviceJobStatistics");
  Facts facts;
  facts.add("job", text(answer, "jobId"));
  facts.add("type", text(answer, "type"));
  facts.add("status", job_status_cell(answer));
  if (member(answer, "failureReason").is_string())
    facts.add("reason", text(answer, "failureReason"));
  facts.add("condition", text(answer, "queryCondition"));
  if (member(answer, "cloudToDeviceMethod").is_object())
    facts.add("method", compact(member(answer, "cloudToDeviceMethod")));
  if (member(answer, "updateTwin").is_object())
    facts.add("update", compact(member(answer, "updateTwin")));
  facts.add("start", text(answer, "startTime"));
  facts.add("end", text(answer, "endTime"));
  facts.add("may run for", text(answer, "maxExecutionTimeInSeconds") + " s");
  std::string devices = text(counts, "deviceCount") + ":";
  const std::pair<std::string_view, std::string_view> states[] = {{"succeededCount", " succeeded,"},
                                                                  {"failedCount", " failed,"},
                                                                  {"runningCount", " running,"},
                                                                  {"pendingCount", " pending,"}};
  for (const auto& [count, words] : states)
    devices.append(" ").append(text(counts, count)).append(words);
  devices.pop_back();
  facts.add("devices", devices);
  return facts.text(colour);
}

std::string purged(const json::value& answer, bool) {
  return "messages removed: " + text(answer, "totalMessagesPurged") + "\n";
}

}  // namespace pavise::cli::view
