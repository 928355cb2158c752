#include "device/monitor/options.h"

#include <charconv>
#include <string_view>

namespace pavise::monitor {
namespace {

Status read_descriptor(std::string_view text, int& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  // 0 to 2 are the standard streams.
  if (error != std::errc{} || end != text.data() + text.size() || out < 3 || out > kDescriptorMax)
    return Error(kUsage, "descriptor " + std::string(text));
  return {};
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options out;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string_view name = arguments[i];
    if (i + 1 == arguments.size()) return Error(kUsage, std::string(name));
    const std::string_view value = arguments[i + 1];
    if (name == "--init-fd") {
      PAVISE_TRY(read_descriptor(value, out.init_fd));
    } else if (name == "--agent-fd") {
      PAVISE_TRY(read_descriptor(value, out.agent_fd));
    } else if (name == "--apps-fd") {
      PAVISE_TRY(read_descriptor(value, out.apps_fd));
    } else if (name == "--tpm") {
      out.tpm = value;
    } else if (name == "--event-log") {
      out.event_log_path = value;
    } else if (name == "--pcr-policy") {
      out.pcr_policy_path = value;
    } else if (name == "--policy-key") {
      out.policy_key_path = value;
    } else {
      return Error(kUsage, std::string(name));
    }
  }
  if (out.init_fd == out.agent_fd || out.init_fd == out.apps_fd || out.agent_fd == out.apps_fd)
    return Error(kUsage, "one descriptor for two clients");
  return out;
}

}  // namespace pavise::monitor
