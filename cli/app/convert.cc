#include "cli/app/convert.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "common/base/ascii.h"

namespace pavise::cli::app {
namespace {

namespace json = boost::json;
using manifest::kStorageKibMin;

constexpr std::size_t kDepthMax = 8;
// Azure Sphere had no such thing; roomy for what ran in 256 KiB.
constexpr std::uint32_t kMemoryKib = 16384, kCpuPercent = 50, kProcesses = 16;

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(std::string_view(value.get_string())) : std::string();
}

// Lists of texts or numbers stand on one line, objects on one line per member.
void print(const json::value& value, std::size_t indent, std::string& out) {
  if (const json::object* object = value.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    std::size_t left = object->size();
    for (const auto& [name, member] : *object) {
      out.append(indent + 2, ' ').append(json::serialize(name)).append(": ");
      print(member, indent + 2, out);
      out += --left != 0 ? ",\n" : "\n";
    }
    out.append(indent, ' ').append("}");
  } else if (const json::array* array = value.if_array()) {
    out += "[";
    for (std::size_t i = 0; i < array->size(); ++i)
      out.append(i != 0 ? ", " : "").append(json::serialize((*array)[i]));
    out += "]";
  } else {
    out += json::serialize(value);
  }
}

// ", from line N on" for a byte of the text.
std::string place_of(std::string_view text, std::size_t at) {
  const auto lines = std::ranges::count(text.substr(0, at), '\n');
  return ", from line " + std::to_string(lines + 1) + " on";
}

// Letters, digits and dashes of the name, at most as many as a name may have.
std::string app_name(std::string_view given) {
  std::string out;
  for (const char c : ascii_lowered(given)) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept && (!out.empty() || c >= 'a'))
      out.push_back(c);
    else if (!kept && !out.empty() && out.back() != '-')
      out.push_back('-');
  }
  out.resize(std::min(out.size(), manifest::kNameLengthMax));
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "app" : out;
}

struct Renamed {
  std::string_view theirs;
  std::string_view ours;
};
constexpr std::array<Renamed, 6> kHardware{{{"Gpio", "gpio"},
                                            {"Uart", "uart"},
                                            {"I2cMaster", "i2c"},
                                            {"SpiMaster", "spi"},
                                            {"Pwm", "pwm"},
                                            {"Adc", "adc"}}};
constexpr std::array<Renamed, 8> kFlags{{{"WifiConfig", "network_configuration"},
                                         {"EnterpriseWifiConfig", "network_configuration"},
                                         {"NetworkConfig", "network_configuration"},
                                         {"HardwareAddressConfig", "network_configuration"},
                                         {"CertStore", "certificate_store"},
                                         {"SystemTime", "system_time"},
                                         {"SystemEventNotifications", "system_events"},
                                         {"SoftwareUpdateDeferral", "update_deferral"}}};
constexpr std::array<Renamed, 3> kPowers{{{"ForceReboot", "reboot"},
                                          {"ForcePowerDown", "power_down"},
                                          {"SetPowerProfile", "power_profile"}}};
struct WithoutEqual {
  std::string_view theirs;
  Fate fate;
  std::string_view words;
};
constexpr std::array<WithoutEqual, 7> kWithoutEqual{
    {{"ReadNetworkProxyConfig", Fate::none,
      "left out; network_configuration would include it, and much more"},
     {"TimeSyncConfig", Fate::none,
      "the device learns the time from its service; to set the clock there is system_time"},
     {"DhcpService", Fate::none, "an app can serve DHCP itself: listening_udp with 67"},
     {"SntpService", Fate::none, "an app can serve the time itself: listening_udp with 123"},
     {"HeapMemStats", Fate::better, "no capability is needed to read one's own use of memory"},
     {"HeapMemoryStats", Fate::better, "no capability is needed to read one's own use of memory"},
     {"ResetMemoryWatermarks", Fate::better,
      "no capability is needed to read one's own use of memory"}}};

class Converter {
 public:
  explicit Converter(const ConvertOptions& options) : options_(options) {}

  Result<Converted> run(const json::object& from) {
    const json::value* schema = from.if_contains("SchemaVersion");
    if (schema == nullptr || !schema->is_int64() || schema->get_int64() != 1)
      return Error(kNotAzureManifest, "SchemaVersion is not 1");
    const std::string type = member_text(from, "ApplicationType");
    if (type == "RealTimeCapable")
      return Error(kNotAzureManifest, "an app of a real-time core; it stays on its own chip");
    for (const std::string_view name : {"ComponentId", "EntryPoint"})
      if (member_text(from, name).empty())
        return Error(kNotAzureManifest, "it has no text " + std::string(name));
    take_identity(from, type);
    if (const json::value* capabilities = from.if_contains("Capabilities")) {
      if (const json::object* object = capabilities->if_object())
        take_capabilities(*object);
      else
        note(Fate::none, "/Capabilities", "left out: no object");
    }
    for (const auto& [name, value] : from)
      if (!is_known(name)) note(Fate::none, "/" + std::string(name), "not known here");
    return finish();
  }

 private:
  static bool is_known(std::string_view name) {
    constexpr std::array<std::string_view, 10> kKnown{
        "SchemaVersion",   "Name",          "ComponentId",
        "EntryPoint",      "CmdArgs",       "Capabilities",
        "ApplicationType", "MallocVersion", "TargetApplicationRuntimeVersion",
        "TargetBetaApis"};
    return std::ranges::find(kKnown, name) != kKnown.end();
  }
  static std::string member_text(const json::object& from, std::string_view name) {
    const json::value* value = from.if_contains(name);
    return value == nullptr ? std::string() : text_of(*value);
  }
  void note(Fate fate, std::string member, std::string_view words) {
    notes_.push_back({fate, std::move(member), std::string(words)});
  }

  void take_identity(const json::object& from, const std::string& type) {
    const std::string given = member_text(from, "Name");
    out_ = {{"schema_version", 1},
            {"name", app_name(given)},
            {"component_id", ascii_lowered(member_text(from, "ComponentId"))},
            {"version", options_.version.text()},
            {"entry_point", member_text(from, "EntryPoint")}};
    note(Fate::maps, "/Name", "name: " + app_name(given));
    note(Fate::maps, "/ComponentId", "component_id, the same");
    note(Fate::maps, "/EntryPoint", "entry_point, the same; the program is built anew for Linux");
    const json::value* arguments = from.if_contains("CmdArgs");
    if (arguments != nullptr && !arguments->is_array()) {
      note(Fate::none, "/CmdArgs", "left out: no list");
    } else if (arguments != nullptr) {
      out_["arguments"] = *arguments;
      if (!arguments->get_array().empty())
        note(Fate::decide, "/CmdArgs",
             "arguments, the same; a scope id of DPS is not needed, the device has its identity");
    }
    if (!type.empty() && type != "Default")
      note(Fate::none, "/ApplicationType", type + " is left out; debuggers come with a grant");
    if (from.contains("MallocVersion"))
      note(Fate::none, "/MallocVersion", "the app brings its own C library, and its allocator");
    for (const std::string_view name : {"TargetApplicationRuntimeVersion", "TargetBetaApis"})
      if (from.contains(name))
        note(Fate::better, "/" + std::string(name),
             "pavise app build writes into the package what it needs");
  }

  void take_capabilities(const json::object& from) {
    for (const auto& [name, value] : from) {
      const std::string member = "/Capabilities/" + std::string(name);
      if (!take_list(name, value, member) && !take_flag(name, value, member) &&
          !take_other(name, value, member))
        note(Fate::none, member, "not known here; left out");
    }
  }

  bool take_list(std::string_view name, const json::value& value, const std::string& member) {
    if (is_list(name) && !value.is_array()) {
      note(Fate::none, member, "left out: no list");
      return true;
    }
    if (name == "AllowedConnections") return take_hosts(value, member);
    if (name == "AllowedTcpServerPorts" || name == "AllowedUdpServerPorts") {
      const bool tcp = name == "AllowedTcpServerPorts";
      put_list(tcp ? "listening_tcp" : "listening_udp", value, member, "one app per port");
      return true;
    }
    if (name == "AllowedApplicationConnections") {
      json::array peers;
      for (const json::value& peer : elements(value))
        peers.emplace_back(ascii_lowered(text_of(peer)));
      put_list("app_connections", peers, member, "both apps list each other, as there");
      return true;
    }
    for (const Renamed& hardware : kHardware)
      if (name == hardware.theirs) return take_hardware(hardware.ours, value, member);
    if (name == "PowerControls") return take_powers(value, member);
    return false;
  }

  // Capabilities that are lists in a manifest of ours, too.
  static bool is_list(std::string_view name) {
    constexpr std::array<std::string_view, 5> kLists{
        "AllowedConnections", "AllowedTcpServerPorts", "AllowedUdpServerPorts",
        "AllowedApplicationConnections", "PowerControls"};
    return std::ranges::find(kLists, name) != kLists.end() ||
           std::ranges::find(kHardware, name, &Renamed::theirs) != kHardware.end();
  }

  static json::array elements(const json::value& value) {
    const json::array* array = value.if_array();
    return array == nullptr ? json::array() : *array;
  }

  void put_list(std::string_view ours, const json::value& list, const std::string& member,
                std::string_view words) {
    if (elements(list).empty()) return;
    capabilities_[ours] = list;
    note(Fate::maps, member, std::string(ours) + "; " + std::string(words));
  }

  bool take_hosts(const json::value& value, const std::string& member) {
    json::array hosts;
    for (const json::value& element : elements(value)) {
      const std::string host = ascii_lowered(text_of(element));
      const auto parsed = manifest::Destination::parse(host);
      if (!parsed)
        note(Fate::none, member, host + " is left out: " + parsed.error().detail());
      else if (std::ranges::find(hosts, json::value(host)) == hosts.end())
        hosts.emplace_back(host);
    }
    if (hosts.empty()) return true;
    capabilities_["outgoing_tcp"] = std::move(hosts);
    note(
        Fate::better, member,
        "outgoing_tcp: *.NAME, networks and ports can be written, too; add :PORT where one port is "
        "enough");
    note(Fate::decide, member, "what it reaches by UDP has to stand in outgoing_udp, too");
    return true;
  }

  bool take_hardware(std::string_view ours, const json::value& value, const std::string& member) {
    json::array names;
    for (const json::value& element : elements(value)) {
      std::string name = text_of(element);
      if (!name.starts_with('$')) {
        note(Fate::decide, member,
             json::serialize(element) + " is left out: give it a name in the hardware definition");
        continue;
      }
      names.emplace_back(name.substr(1));
    }
    put_list(ours, names, member, "names of the hardware definition without $; one app per name");
    return true;
  }

  bool take_powers(const json::value& value, const std::string& member) {
    json::array powers;
    for (const json::value& element : elements(value)) {
      const auto power = std::ranges::find(kPowers, text_of(element), &Renamed::theirs);
      if (power != kPowers.end())
        powers.emplace_back(power->ours);
      else
        note(Fate::none, member, json::serialize(element) + " is left out: not known here");
    }
    put_list("power_control", powers, member, "the same powers");
    return true;
  }

  bool take_flag(std::string_view name, const json::value& value, const std::string& member) {
    const auto found = std::ranges::find(kFlags, name, &Renamed::theirs);
    if (found == kFlags.end()) return false;
    if (!value.is_bool()) note(Fate::none, member, "left out: neither true nor false");
    if (value != json::value(true)) return true;
    capabilities_[found->ours] = true;
    if (found->ours == "network_configuration")
      note(Fate::decide, member,
           "network_configuration, which is Wi-Fi, addresses and proxy in one; no device offers it "
           "yet");
    else if (found->ours == "certificate_store")
      note(Fate::maps, member, "certificate_store, which is the app's own: Wi-Fi does not use it");
    else
      note(Fate::maps, member, found->ours);
    return true;
  }

  bool take_other(std::string_view name, const json::value& value, const std::string& member) {
    if (name == "MutableStorage") return take_storage(value, member);
    if (name == "DeviceAuthentication") {
      if (options_.tenant) {
        capabilities_["device_authentication"] = options_.tenant->text();
        note(Fate::maps, member, "device_authentication for tenant " + options_.tenant->text());
      } else {
        note(Fate::decide, member, "left out: give --tenant with the owner's tenant here");
      }
      return true;
    }
    const auto found = std::ranges::find(kWithoutEqual, name, &WithoutEqual::theirs);
    if (found == kWithoutEqual.end()) return false;
    if (value != json::value(false)) note(found->fate, member, found->words);
    return true;
  }

  bool take_storage(const json::value& value, const std::string& member) {
    const json::object* object = value.if_object();
    const json::value* size = object == nullptr ? nullptr : object->if_contains("SizeKB");
    if (size == nullptr || !size->is_int64() || size->get_int64() < 0) {
      note(Fate::decide, member, "left out: it has no SizeKB that is a size");
      return true;
    }
    if (size->get_int64() == 0) return true;
    capabilities_["mutable_storage"] = {
        {"size_kib", std::max<std::int64_t>(size->get_int64(), kStorageKibMin)}};
    note(Fate::better, member, "mutable_storage: a folder instead of one file, up to 16 GiB");
    return true;
  }

  Result<Converted> finish() {
    if (!capabilities_.empty()) out_["capabilities"] = std::move(capabilities_);
    out_["budgets"] = {
        {"memory_kib", kMemoryKib}, {"cpu_percent", kCpuPercent}, {"processes", kProcesses}};
    note(Fate::decide, "",
         "budgets are new: see whether 16 MiB, half a processor and 16 processes fit");
    note(Fate::better, "",
         "lifecycle is new: back-off, order of start and a health check can be added");
    Converted out{.manifest = {}, .notes = std::move(notes_)};
    print(out_, 0, out.manifest);
    out.manifest += "\n";
    PAVISE_TRY(manifest::Manifest::parse(as_bytes(out.manifest)));
    return out;
  }

  const ConvertOptions& options_;
  json::object out_, capabilities_;
  std::vector<Note> notes_;
};

}  // namespace

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::maps:
      return "maps";
    case Fate::better:
      return "better";
    case Fate::decide:
      return "decide";
    case Fate::none:
      return "none";
  }
  return "";
}

Result<Converted> convert_azure_manifest(std::string_view text, const ConvertOptions& options) {
  boost::system::error_code failed;
  json::parse_options limits;
  limits.max_depth = kDepthMax;
  // Editors put a byte order mark before it.
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  json::stream_parser parser({}, limits);
  const std::size_t read = parser.write_some(text, failed);
  if (!failed && read == text.size()) parser.finish(failed);
  if (failed || read != text.size())
    return Error(kNotAzureManifest, "no JSON" + place_of(text, read));
  const json::value root = parser.release();
  if (!root.is_object()) return Error(kNotAzureManifest, "no JSON object");
  return Converter(options).run(root.get_object());
}

}  // namespace pavise::cli::app
