#include "device/apps/machine/power_profile.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using app_wire::Outcome;
using app_wire::PowerAction;

// Where the processor chooses by itself, its governors are performance and powersave alone, and the
// preference says how it chooses; elsewhere powersave is its lowest frequency, also where there is
// a preference (intel_pstate, passive).
constexpr std::array<std::string_view, 1> kFast{"performance"};
constexpr std::array<std::string_view, 4> kBalanced{"schedutil", "ondemand", "conservative",
                                                    "powersave"};
constexpr std::array<std::string_view, 1> kSaving{"powersave"};

struct Profile {
  std::span<const std::string_view> governors;
  std::string_view preference;
};

Profile profile_of(PowerAction action, bool has_preference) {
  switch (action) {
    case PowerAction::high_performance:
      return {kFast, "performance"};
    case PowerAction::balanced:
      return {std::span(kBalanced).first(kBalanced.size() - (has_preference ? 0 : 1)),
              "balance_performance"};
    default:
      return {kSaving, "power"};
  }
}

std::string read_small(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(kGovernorsBytesMax, '\0');
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

bool write_small(const fs::path& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool lists(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find_first_of(" \n"), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

Outcome set_policy(const fs::path& policy, PowerAction action) {
  std::error_code ignored;
  const fs::path preference = policy / "energy_performance_preference";
  const bool has_preference = fs::exists(preference, ignored);
  const Profile profile = profile_of(action, has_preference);
  const std::string has = read_small(policy / "scaling_available_governors");
  const auto governor = std::ranges::find_if(
      profile.governors, [&has](std::string_view name) { return lists(has, name); });
  if (governor == profile.governors.end()) return Outcome::absent;
  if (!write_small(policy / "scaling_governor", *governor)) return Outcome::failed;
  // That governor is a preference already, and the kernel refuses another.
  if (!has_preference || *governor == kFast.front()) return Outcome::done;
  return write_small(preference, profile.preference) ? Outcome::done : Outcome::failed;
}

}  // namespace

Outcome set_power_profile(PowerAction profile, const fs::path& processors) {
  PAVISE_CHECK(app_wire::is_profile(profile));
  std::size_t set = 0;
  std::size_t seen = 0;
  bool failed = false;
  std::error_code ended;
  for (fs::directory_iterator it(processors / "cpufreq", ended), end; !ended && it != end;
       it.increment(ended)) {
    if (!it->path().filename().string().starts_with("policy")) continue;
    if (++seen > kFrequencyPoliciesMax) return Outcome::failed;
    const Outcome outcome = set_policy(it->path(), profile);
    failed = failed || outcome == Outcome::failed;
    if (outcome == Outcome::done) ++set;
  }
  if (failed || (set != 0 && set != seen)) return Outcome::failed;
  return set == 0 ? Outcome::absent : Outcome::done;
}

}  // namespace pavise::device
