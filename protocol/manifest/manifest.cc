#include "protocol/manifest/manifest.h"

#include <algorithm>

#include "common/crypto/crypto.h"
#include "protocol/manifest/reader.h"

namespace pavise::manifest {
namespace {

using internal::Node;
using internal::ObjectReader;
using internal::Problem;
using internal::Range;

constexpr std::array<std::string_view, kHardwareKinds> kHardwareMembers{"gpio", "uart", "i2c",
                                                                        "spi",  "pwm",  "adc"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_letter(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

bool is_image_path(std::string_view text) {
  if (text.size() < 2 || text.size() > kEntryPointLengthMax || text.front() != '/') return false;
  for (std::size_t at = 1; at <= text.size();) {
    const std::string_view part = text.substr(at, text.find('/', at) - at);
    if (part.empty() || part == "." || part == "..") return false;
    if (!std::ranges::all_of(part, [](char c) {
          return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '+' || c == '-';
        }))
      return false;
    at += part.size() + 1;
  }
  return true;
}

// Characters of UTF-8 text: all bytes but those that continue one.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string checked_text(const Node& node, bool (*is_good)(std::string_view),
                         std::string_view form) {
  std::string out = node.text();
  if (!is_good(out)) node.fail(kBadText, form);
  return out;
}

// All elements by `read(node)`, none of them twice.
template <class T, class Read>
void read_list(ObjectReader& reader, std::string_view name, std::size_t count_max,
               std::vector<T>& out, Read read) {
  const auto list = reader.optional(name);
  if (!list) return;
  for (const Node& element : list->elements(count_max)) {
    std::optional<T> value = read(element);
    if (!value) continue;
    if (std::ranges::find(out, *value) != out.end()) element.fail(kRepeatedValue, "listed before");
    out.push_back(*std::move(value));
  }
}

std::optional<Destination> read_destination(const Node& node) {
  auto out = Destination::parse(node.text());
  if (out) return *std::move(out);
  node.fail(kBadHost, out.error().detail());
  return std::nullopt;
}

std::optional<std::uint16_t> read_port(const Node& node) {
  return static_cast<std::uint16_t>(node.number({1, 65535}));
}

std::optional<ComponentId> read_component_id(const Node& node) {
  auto out = ComponentId::parse(node.text());
  if (!out) node.fail(kBadText, "a UUID in lower case, not all zero");
  return out;
}

std::optional<std::string> read_hardware_name(const Node& node) {
  return checked_text(node, &is_hardware_name, "a letter, then letters, digits and _, up to 32");
}

void read_flag(ObjectReader& reader, std::string_view name, bool& out) {
  if (const auto node = reader.optional(name)) out = node->boolean();
}

void read_number(ObjectReader& reader, std::string_view name, Range range, std::uint32_t& out) {
  if (const auto node = reader.optional(name)) out = node->number(range);
}

void read_power(ObjectReader& reader, Capabilities& out) {
  std::vector<std::string> seen;
  read_list(reader, "power_control", 3, seen, [&out](const Node& node) {
    std::optional<std::string> text = node.text();
    if (*text == "reboot")
      out.power_reboot = true;
    else if (*text == "power_down")
      out.power_down = true;
    else if (*text == "power_profile")
      out.power_profile = true;
    else
      node.fail(kBadText, "reboot, power_down or power_profile");
    return text;
  });
}

Capabilities read_capabilities(const Node& node, const ComponentId& self) {
  ObjectReader reader(node);
  Capabilities out;
  read_list(reader, "outgoing_tcp", kDestinationsMax, out.outgoing_tcp, &read_destination);
  read_list(reader, "outgoing_udp", kDestinationsMax, out.outgoing_udp, &read_destination);
  read_list(reader, "listening_tcp", kPortsMax, out.listening_tcp, &read_port);
  read_list(reader, "listening_udp", kPortsMax, out.listening_udp, &read_port);
  if (const auto storage = reader.optional("mutable_storage")) {
    ObjectReader inner(*storage);
    if (const auto size = inner.required("size_kib"))
      out.mutable_storage_kib = size->number({kStorageKibMin, kStorageKibMax});
    inner.finish();
  }
  for (std::size_t kind = 0; kind < kHardwareKinds; ++kind)
    read_list(reader, kHardwareMembers[kind], kHardwareMax, out.hardware[kind],
              &read_hardware_name);
  if (const auto tenant = reader.optional("device_authentication")) {
    out.device_authentication = TenantId::parse(tenant->text());
    if (!out.device_authentication) tenant->fail(kBadText, "the name of the owner's tenant");
  }
  read_list(reader, "app_connections", kPeersMax, out.app_connections,
            [&self](const Node& peer) -> std::optional<ComponentId> {
              auto id = read_component_id(peer);
              if (id == self) peer.fail(kContradiction, "it is the app itself");
              return id;
            });
  read_flag(reader, "system_time", out.system_time);
  read_flag(reader, "network_configuration", out.network_configuration);
  read_flag(reader, "update_deferral", out.update_deferral);
  read_flag(reader, "system_events", out.system_events);
  read_flag(reader, "certificate_store", out.certificate_store);
  read_power(reader, out);
  reader.finish();
  return out;
}

Budgets read_budgets(const Node& node) {
  ObjectReader reader(node);
  Budgets out;
  if (const auto value = reader.required("memory_kib"))
    out.memory_kib = value->number({kMemoryKibMin, kMemoryKibMax});
  if (const auto value = reader.required("cpu_percent"))
    out.cpu_percent = value->number({kCpuPercentMin, kCpuPercentMax});
  if (const auto value = reader.required("processes"))
    out.processes = value->number({kProcessesMin, kProcessesMax});
  reader.finish();
  return out;
}

Restart read_restart(const Node& node) {
  const std::string text = node.text();
  if (text == "on_failure") return Restart::on_failure;
  if (text == "never") return Restart::never;
  if (text != "always") node.fail(kBadText, "always, on_failure or never");
  return Restart::always;
}

HealthCheck read_health_check(const Node& node) {
  ObjectReader reader(node);
  HealthCheck out;
  read_number(reader, "start_timeout_ms", {kHealthMsMin, kHealthMsMax}, out.start_timeout_ms);
  if (const auto interval = reader.required("interval_ms"))
    out.interval_ms = interval->number({kHealthMsMin, kHealthMsMax});
  reader.finish();
  return out;
}

Lifecycle read_lifecycle(const Node& node, const ComponentId& self) {
  ObjectReader reader(node);
  Lifecycle out;
  constexpr Range kDelay{kRestartDelayMsMin, kRestartDelayMsMax};
  if (const auto restart = reader.optional("restart")) out.restart = read_restart(*restart);
  read_number(reader, "restart_delay_ms", kDelay, out.restart_delay_ms);
  // A longer first delay than the default of the last one raises that.
  out.restart_delay_max_ms = std::max(out.restart_delay_max_ms, out.restart_delay_ms);
  read_number(reader, "restart_delay_max_ms", kDelay, out.restart_delay_max_ms);
  if (out.restart_delay_max_ms < out.restart_delay_ms)
    node.fail(kContradiction, "restart_delay_max_ms is less than restart_delay_ms");
  read_number(reader, "stop_timeout_ms", {kStopTimeoutMsMin, kStopTimeoutMsMax},
              out.stop_timeout_ms);
  read_list(reader, "start_after", kPeersMax, out.start_after,
            [&self](const Node& peer) -> std::optional<ComponentId> {
              auto id = read_component_id(peer);
              if (id == self) peer.fail(kContradiction, "it is the app itself");
              return id;
            });
  if (const auto health = reader.optional("health_check"))
    out.health_check = read_health_check(*health);
  reader.finish();
  return out;
}

void read_arguments(ObjectReader& reader, std::vector<std::string>& out) {
  const auto list = reader.optional("arguments");
  if (!list) return;
  for (const Node& element : list->elements(kArgumentsMax)) {
    out.push_back(element.text());
    if (out.back().find('\0') != std::string::npos ||
        characters(out.back()) > kArgumentCharactersMax)
      element.fail(kBadText, "up to " + std::to_string(kArgumentCharactersMax) +
                                 " characters, none of them U+0000");
  }
}

std::optional<Manifest> read_manifest(const Node& node) {
  ObjectReader reader(node);
  // Another version may have other members; so it is looked at before them.
  if (const auto version = reader.required("schema_version");
      version && version->number({0, UINT32_MAX}) != kSchemaVersion)
    version->fail(kOtherSchema, "1 is known");
  const auto id_node = reader.required("component_id");
  const auto id = id_node ? read_component_id(*id_node) : std::nullopt;
  if (!id) return std::nullopt;
  Manifest out(*id);
  if (const auto name = reader.required("name"))
    out.name = checked_text(*name, &is_app_name, "a-z, 0-9 and -, a letter first, up to 32");
  if (const auto version = reader.required("version")) {
    const auto parsed = Version::parse(version->text());
    if (!parsed) version->fail(kBadText, "MAJOR.MINOR.PATCH, each from 0 to 9999");
    out.version = parsed.value_or(Version{});
  }
  read_number(reader, "security_epoch", {0, kSecurityEpochMax}, out.security_epoch);
  if (const auto entry = reader.required("entry_point"))
    out.entry_point = checked_text(*entry, &is_image_path,
                                   "an absolute path of letters, digits and ._+-, up to 255");
  read_arguments(reader, out.arguments);
  if (const auto capabilities = reader.optional("capabilities"))
    out.capabilities = read_capabilities(*capabilities, *id);
  if (const auto budgets = reader.required("budgets")) out.budgets = read_budgets(*budgets);
  if (const auto lifecycle = reader.optional("lifecycle"))
    out.lifecycle = read_lifecycle(*lifecycle, *id);
  reader.finish();
  return out;
}

}  // namespace

std::string_view to_string(Hardware kind) {
  return kHardwareMembers[static_cast<std::size_t>(kind)];
}

bool is_hardware_name(std::string_view text) {
  return !text.empty() && text.size() <= kHardwareNameLengthMax && is_letter(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

Result<Manifest> Manifest::parse(ByteView json) {
  if (json.size() > kManifestBytesMax)
    return Error(kTooLarge, "at most " + std::to_string(kManifestBytesMax) + " bytes");
  const auto view = json::JsonView::parse(as_text(json));
  if (!view) return Error(kNotJson, view.error().detail());
  Problem problem;
  std::optional<Manifest> out = read_manifest(Node(*view, "", problem));
  if (!out || problem.error())
    return problem.error().value_or(Error(kMissingMember, "/component_id: absent"));
  out->digest = crypto::sha256(json);
  return *std::move(out);
}

std::string_view pointer_of(const Error& error) {
  const std::string_view detail = error.detail();
  if (!detail.starts_with('/')) return {};
  return detail.substr(0, std::min(detail.find(": "), detail.size()));
}

}  // namespace pavise::manifest
