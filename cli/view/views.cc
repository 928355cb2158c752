#include "cli/view/views.h"

#include <boost/json.hpp>

#include "cli/view/answer.h"
#include "cli/view/text.h"

namespace pavise::cli::view {
namespace {

namespace json = boost::json;

Cell state_cell(const std::string& state) {
  if (state == "trusted" || state == "passed" || state == "matches" || state == "accepted")
    return {state, Mood::good};
  if (state == "refused" || state == "failed" || state == "differs") return {state, Mood::bad};
  if (state == "disabled" || state == "unclaimed" || state == "not reached" || state == "unknown")
    return {state, Mood::faint};
  return {state};
}

std::string or_all(const json::value& value, std::string_view name) {
  const std::string found = text(value, name);
  return found == "-" ? "all" : found;
}

// "pavise-os 0.1.0 (security epoch 1)" from the verifier's object, or the text as it is.
std::string release_text(const json::value& release) {
  if (!release.is_object()) return scalar(release);
  return text(release, "name") + " " + text(release, "version") + " (security epoch " +
         text(release, "security_epoch") + ")";
}

Cell verdict_cell(const json::value& answer) {
  if (member(answer, "accepted") == json::value(true)) return {"accepted", Mood::good};
  return {"refused: " + text(answer, "code") + ": " + text(answer, "reason"), Mood::bad};
}

std::string short_digest(const json::value& value, std::string_view name) {
  return short_id(text(value, name));
}

std::vector<Cell> device_row(const json::value& item) {
  return {short_digest(item, "id"),        text(item, "tenant"),
          state_cell(text(item, "state")), text(item, "connected"),
          text(item, "last_attested"),     text(member(item, "certificate"), "not_after")};
}

std::vector<Cell> release_row(const json::value& item) {
  const bool revoked = member(item, "revoked").is_string();
  return {short_digest(item, "id"),
          text(item, "name"),
          text(item, "version"),
          text(item, "security_epoch"),
          or_all(item, "tenant"),
          text(item, "added"),
          revoked ? Cell("revoked: " + text(item, "revocation_reason"), Mood::bad)
                  : Cell("trusted", Mood::good)};
}

// What a device may run besides its release. Empty if nothing is known of it.
std::string apps_text(const json::value& answer, bool colour) {
  const json::array& apps = items(answer, "apps");
  if (apps.empty()) return {};
  return "\n" + list_of(apps, {"APP THAT MAY RUN", "VERSION", "POLICY", "CONTENT"},
                        [](const json::value& item) -> std::vector<Cell> {
                          return {text(item, "component_id"), text(item, "version"),
                                  short_digest(item, "policy_digest"),
                                  short_digest(item, "content_digest")};
                        })
                    .text(colour);
}

}  // namespace

std::string storage_text(const json::value& storage) {
  constexpr std::uint64_t kMib = 1024UL * 1024;
  const auto mib = [&](std::string_view name) {
    boost::system::error_code failed;
    const auto bytes = member(storage, name).to_number<std::uint64_t>(failed);
    return failed ? std::string("-") : std::to_string(bytes / kMib);
  };
  std::string out =
      text(storage, "state") + ", " + mib("free_bytes") + " of " + mib("size_bytes") + " MiB free";
  if (member(storage, "telemetry_refused").is_string())
    out += "; telemetry is refused: " + text(storage, "telemetry_refused");
  return out;
}

std::string status(const json::value& answer, bool colour) {
  const json::value& ports = member(answer, "ports");
  Facts facts;
  facts.add("service", text(answer, "service") + " " + text(answer, "version"));
  facts.add("time", text(answer, "time"));
  facts.add("started", text(answer, "started"));
  facts.add("tenants", text(answer, "tenants"));
  facts.add("connected devices", text(answer, "connected"));
  facts.add("telemetry", "offsets " + text(answer, "telemetry_first_offset") + " to " +
                             text(answer, "telemetry_next_offset"));
  if (const json::value& storage = member(answer, "storage"); storage.is_object())
    facts.add("storage",
              {storage_text(storage), text(storage, "state") == "ok" ? Mood::plain : Mood::bad});
  facts.add("ports", "management " + text(ports, "management") + ", device " +
                         text(ports, "device") + ", hub " + text(ports, "hub"));
  return facts.text(colour);
}

std::string tenants(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "tenants");
  return list_of(all, {"TENANT", "CREATED"},
                 [](const json::value& item) -> std::vector<Cell> {
                   return {text(item, "id"), text(item, "created")};
                 })
             .text(colour) +
         count_line(all.size(), "tenant");
}

std::string tenant(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("tenant", text(answer, "id"));
  facts.add("created", text(answer, "created"));
  return facts.text(colour);
}

std::string devices(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "devices");
  std::string out =
      list_of(all, {"DEVICE", "TENANT", "STATE", "CONNECTED", "LAST ATTESTED", "CERTIFICATE UNTIL"},
              &device_row)
          .text(colour) +
      count_line(all.size(), "device");
  if (const json::value& next = member(answer, "next"); next.is_string())
    out += "more: --after " + text(answer, "next") + "\n";
  return out;
}

std::string device(const json::value& answer, bool colour) {
  const json::value& certificate = member(answer, "certificate");
  Facts facts;
  facts.add("device", text(answer, "id"));
  facts.add("tenant", text(answer, "tenant"));
  facts.add("state", state_cell(text(answer, "state")));
  facts.add("enabled", text(answer, "enabled"));
  facts.add("connected", text(answer, "connected"));
  facts.add("attestation key bound", text(answer, "activated"));
  facts.add("registered", text(answer, "registered"));
  facts.add("claimed", text(answer, "claimed"));
  facts.add("last attested", text(answer, "last_attested"));
  facts.add("certificate", certificate.is_object() ? text(certificate, "serial") + ", " +
                                                         text(certificate, "not_before") + " to " +
                                                         text(certificate, "not_after")
                                                   : "-");
  // A server of before says nothing of them; null is not the same as none.
  if (const json::value& apps = member(answer, "apps"); apps.is_array())
    facts.add("apps",
              std::to_string(apps.as_array().size()) + " may run, as its last evidence says");
  return facts.text(colour) + apps_text(answer, colour);
}

std::string evidence(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("device", text(answer, "device"));
  facts.add("time", text(answer, "time"));
  facts.add("verdict", verdict_cell(answer));
  if (const std::string next = text(answer, "next_step"); next != "-") facts.add("next", next);
  if (const json::value& release = member(answer, "release"); !release.is_null())
    facts.add("release", release_text(release));
  if (const json::value& nearest = member(answer, "compared_with"); nearest.is_object())
    facts.add("compared with", release_text(nearest));
  if (const std::string platform = text(answer, "platform"); platform != "-")
    facts.add("platform", platform);
  if (const std::string assurance = text(answer, "assurance"); assurance != "-")
    facts.add("assurance", assurance == "platform"
                               ? "platform: firmware and operating system are known ones"
                               : "release: the operating system is a released one; the firmware is "
                                 "not judged");
  std::string out = facts.text(colour);

  if (const json::array& checks = items(answer, "checks"); !checks.empty())
    out += "\n" + list_of(checks, {"CHECK", "STATE", "WHAT", "IN WORDS"},
                          [](const json::value& item) -> std::vector<Cell> {
                            return {text(item, "number"), state_cell(text(item, "state")),
                                    text(item, "title"), text(item, "words")};
                          })
                      .text(colour);
  if (const json::array& measured = items(answer, "measurements"); !measured.empty())
    out += "\n" + list_of(measured,
                          {"PCR", "STATE", "COMPONENT", "NAME", "MEASURED", "EXPECTED", "IN WORDS"},
                          [](const json::value& item) -> std::vector<Cell> {
                            return {text(item, "pcr"),
                                    state_cell(text(item, "state")),
                                    text(item, "component"),
                                    text(item, "name"),
                                    short_digest(item, "digest"),
                                    short_digest(item, "expected"),
                                    text(item, "words")};
                          })
                      .text(colour);
  return out + apps_text(answer, colour);
}

std::string evidence_history(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "verdicts");
  return list_of(all, {"TIME", "VERDICT"},
                 [](const json::value& item) -> std::vector<Cell> {
                   return {text(item, "time"), verdict_cell(item)};
                 })
             .text(colour) +
         count_line(all.size(), "verdict");
}

std::string telemetry_item(const json::value& item, bool colour) {
  const json::value& body = member(item, "body");
  const std::string message =
      body.is_null() ? text(item, "body_base64") + " (base64)" : compact(body);
  return coloured({text(item, "time"), Mood::faint}, colour) + "  " +
         safe_text(short_digest(item, "device")) + "  " + safe_text(message) + "\n";
}

std::string twin(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("device", text(answer, "device"));
  facts.add("etag", text(answer, "etag"));
  for (const std::string section : {"desired", "reported"})
    facts.add(section + ", version " + text(answer, section + "_version"),
              compact(member(answer, section)));
  return facts.text(colour);
}

std::string releases(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "releases");
  return list_of(all, {"RELEASE", "NAME", "VERSION", "EPOCH", "TENANT", "ADDED", "STATE"},
                 &release_row)
             .text(colour) +
         count_line(all.size(), "release");
}

std::string release(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("release", text(answer, "id"));
  facts.add("name", text(answer, "name") + " " + text(answer, "version"));
  facts.add("security epoch", text(answer, "security_epoch"));
  facts.add("tenant", or_all(answer, "tenant"));
  facts.add("PCR 11", text(answer, "pcr11"));
  facts.add("signed by", text(answer, "release_key"));
  facts.add("added", text(answer, "added"));
  facts.add("state", release_row(answer).back());
  return facts.text(colour);
}

std::string vendors(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "vendors");
  return list_of(all, {"VENDOR", "NAME", "ADDED"},
                 [](const json::value& item) -> std::vector<Cell> {
                   return {short_digest(item, "fingerprint"), text(item, "name"),
                           text(item, "added")};
                 })
             .text(colour) +
         count_line(all.size(), "vendor");
}

std::string vendor(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("vendor", text(answer, "fingerprint"));
  facts.add("name", text(answer, "name"));
  facts.add("added", text(answer, "added"));
  return facts.text(colour);
}

std::string release_keys(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "release_keys");
  return list_of(all, {"KEY", "NAME", "TENANT", "ADDED"},
                 [](const json::value& item) -> std::vector<Cell> {
                   return {short_digest(item, "id"), text(item, "name"), or_all(item, "tenant"),
                           text(item, "added")};
                 })
             .text(colour) +
         count_line(all.size(), "key");
}

std::string release_key(const json::value& answer, bool colour) {
  Facts facts;
  facts.add("key", text(answer, "id"));
  facts.add("name", text(answer, "name"));
  facts.add("tenant", or_all(answer, "tenant"));
  facts.add("added", text(answer, "added"));
  return facts.text(colour);
}

std::string tokens(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "tokens");
  return list_of(all, {"NAME", "ROLE", "TENANT", "CREATED", "UNTIL"},
                 [](const json::value& item) -> std::vector<Cell> {
                   return {text(item, "name"), text(item, "role"), or_all(item, "tenant"),
                           text(item, "created"), text(item, "not_after")};
                 })
             .text(colour) +
         count_line(all.size(), "token");
}

std::string audit(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "entries");
  return list_of(all, {"ID", "TIME", "ACTOR", "ACTION", "SUBJECT", "DETAIL"},
                 [](const json::value& item) -> std::vector<Cell> {
                   return {text(item, "id"),     text(item, "time"),    text(item, "actor"),
                           text(item, "action"), text(item, "subject"), text(item, "detail")};
                 })
      .text(colour);
}

}  // namespace pavise::cli::view
