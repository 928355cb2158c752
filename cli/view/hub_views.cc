#include "cli/view/hub_views.h"

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
    facts.add(section + ", version " + version, compact(value));
  }
  return facts.text(colour);
}

std::string method_result(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("status", text(answer, "status"));
  facts.add("payload", compact(member(answer, "payload")));
  return facts.text(colour);
}

std::string purged(const json::value& answer, bool) {
  return "messages removed: " + text(answer, "totalMessagesPurged") + "\n";
}

}  // namespace pavise::cli::view
