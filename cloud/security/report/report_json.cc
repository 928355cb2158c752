// The JSON form.
#include "cloud/security/report/verdict_report.h"

namespace pavise::security {
namespace {

constexpr std::size_t kReportBytesTypical = 16384;

// Writes JSON straight into a string.
class JsonWriter {
 public:
  JsonWriter() { out_.reserve(kReportBytesTypical); }

  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
  }
  JsonWriter& key(std::string_view name) {
    separate();
    quote(name);
    out_ += ':';
    first_ = true;  // no comma before the value
    return *this;
  }
  void text(std::string_view value) {
    separate();
    quote(value);
  }
  void number(std::uint64_t value) {
    separate();
    out_ += std::to_string(value);
  }
  void null() {
    separate();
    out_ += "null";
  }
  void hex(const Digest256& digest) { text(to_hex(digest)); }
  void hex_or_null(const std::optional<Digest256>& digest) {
    if (digest)
      hex(*digest);
    else
      null();
  }
  std::string take() { return std::move(out_); }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void quote(std::string_view value) {
    out_ += '"';
    for (const char c : value) append_escaped(c);
    out_ += '"';
  }
  void append_escaped(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (byte < 0x20) {
      static constexpr std::string_view kDigits = "0123456789abcdef";
      out_ += "\\u00";
      out_ += kDigits[byte >> 4U];
      out_ += kDigits[byte & 15U];
    } else {
      // Words may quote bytes of the device, which need not be UTF-8; JSON must be.
      out_ += byte < 0x7f ? c : '?';
    }
  }

  std::string out_;
  bool first_ = true;
};

void write_checks(JsonWriter& json, const attestation::Verdict& verdict) {
  json.key("checks").open('[');
  for (const attestation::CheckResult& check : verdict.checks) {
    json.open('{');
    json.key("number").number(check.number);
    json.key("code").text(check.code);
    json.key("title").text(check.title);
    json.key("state").text(attestation::to_string(check.state));
    json.key("words").text(check.words);
    json.close('}');
  }
  json.close(']');
}

void write_measurements(JsonWriter& json, const attestation::Verdict& verdict) {
  json.key("measurements").open('[');
  for (const attestation::Measurement& measurement : verdict.measurements) {
    json.open('{');
    json.key("pcr").number(measurement.pcr);
    json.key("digest").hex_or_null(measurement.digest);
    json.key("expected").hex_or_null(measurement.expected);
    json.key("component").text(measurement.component);
    json.key("name").text(measurement.name);
    json.key("state").text(attestation::to_string(measurement.state));
    json.key("words").text(measurement.words);
    json.close('}');
  }
  json.close(']');
}

void write_release(JsonWriter& json, std::string_view key,
                   const std::optional<attestation::ReleaseMatch>& match) {
  json.key(key);
  if (!match) return json.null();
  json.open('{');
  json.key("name").text(match->name);
  json.key("version").text(match->version);
  json.key("security_epoch").number(match->security_epoch);
  json.key("manifest_digest").hex(match->manifest_digest);
  json.close('}');
}

void write_clock(JsonWriter& json, const std::optional<attestation::ClockMarks>& clock) {
  json.key("clock");
  if (!clock) return json.null();
  json.open('{');
  json.key("clock_ms").number(clock->clock_ms);
  json.key("reset_count").number(clock->reset_count);
  json.key("restart_count").number(clock->restart_count);
  json.close('}');
}

void write_apps(JsonWriter& json, const attestation::Verdict& verdict) {
  json.key("apps").open('[');
  for (const app_measurement::AppEvent& app : verdict.apps) {
    json.open('{');
    json.key("component_id").text(app.component.text());
    json.key("version").text(app.version.text());
    json.key("policy_digest").hex(app.policy_digest);
    json.key("content_digest").hex(app.content_digest);
    json.close('}');
  }
  json.close(']');
}

std::string json_of(const attestation::Verdict& verdict) {
  JsonWriter json;
  json.open('{');
  json.key("evidence_sha256").hex_or_null(verdict.evidence_digest);
  write_checks(json, verdict);
  write_measurements(json, verdict);
  write_release(json, "release", verdict.release);
  write_release(json, "compared_with", verdict.compared_with);
  json.key("platform").text(verdict.platform);
  json.key("assurance").text(attestation::to_string(verdict.assurance));
  json.key("firmware_version").number(verdict.firmware_version);
  write_clock(json, verdict.clock);
  json.key("next_step").text(verdict.next_step);
  json.key("retry").text(pavise::to_string(verdict.retry));
  write_apps(json, verdict);
  json.close('}');
  return json.take();
}

}  // namespace

Result<std::string> report_json(ByteView stored) {
  if (stored.empty()) return std::string("{}");
  // No array of CBOR begins with this byte.
  if (stored[0] == std::byte{'{'}) return std::string(as_text(stored));
  PAVISE_TRY_ASSIGN(const attestation::Verdict verdict, decode_report(stored));
  return json_of(verdict);
}

}  // namespace pavise::security
