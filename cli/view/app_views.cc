#include "cli/view/app_views.h"

#include <cstdint>
#include <optional>

#include "cli/view/answer.h"

namespace pavise::cli::view {

namespace json = boost::json;

namespace {

std::optional<std::uint64_t> number(const json::value& value, std::string_view name) {
  boost::system::error_code failed;
  const auto out = member(value, name).to_number<std::uint64_t>(failed);
  if (failed) return std::nullopt;
  return out;
}

Cell state_cell(const json::value& app) {
  const std::string state = text(app, "state");
  if (state == "running") return {state, Mood::good};
  if (state == "waiting" || state == "killing") return {state, Mood::bad};
  return {state, state == "stopped" ? Mood::faint : Mood::plain};
}

// "640 KiB", "12.5 MiB".
std::string size_text(const json::value& app, std::string_view name) {
  constexpr std::uint64_t kKib = 1024;
  constexpr std::uint64_t kMib = kKib * 1024;
  const auto bytes = number(app, name);
  if (!bytes) return "-";
  if (*bytes < kMib) return std::to_string(*bytes / kKib) + " KiB";
  const std::uint64_t tenth = *bytes % kMib * 10 / kMib;
  return std::to_string(*bytes / kMib) + "." + std::to_string(tenth) + " MiB";
}

// Of its memory limit; near it is worth a look.
Cell used_cell(const json::value& app) {
  constexpr double kNear = 90;
  const auto used = number(app, "memory_bytes");
  const auto limit = number(app, "memory_limit_bytes");
  if (!used || !limit || *limit == 0) return "-";
  const double percent = 100.0 * static_cast<double>(*used) / static_cast<double>(*limit);
  return {std::to_string(static_cast<std::uint64_t>(percent)) + " %",
          percent >= kNear ? Mood::bad : Mood::plain};
}

std::vector<Cell> app_row(const json::value& app) {
  return {text(app, "name"),     text(app, "version"),           state_cell(app),
          text(app, "restarts"), size_text(app, "memory_bytes"), text(app, "last_event")};
}

std::vector<Cell> stats_row(const json::value& app) {
  return {text(app, "name"),
          state_cell(app),
          size_text(app, "memory_bytes"),
          size_text(app, "memory_limit_bytes"),
          used_cell(app),
          text(app, "restarts"),
          text(app, "missed_health")};
}

std::string right(const std::string& value, std::size_t width) {
  return std::string(width - std::min(width, value.size()), ' ') + value;
}

}  // namespace

std::string apps(const json::value& answer, bool colour) {
  const json::array& all = items(answer, "apps");
  return list_of(all, {"APP", "VERSION", "STATE", "RESTARTS", "MEMORY", "LAST EVENT"}, &app_row)
             .text(colour) +
         count_line(all.size(), "app");
}

std::string app_stats(const json::value& answer, bool colour) {
  return list_of(items(answer, "apps"),
                 {"APP", "STATE", "MEMORY", "LIMIT", "USED", "RESTARTS", "MISSED HEALTH"},
                 &stats_row)
      .text(colour);
}

std::string app_acted(const json::value& answer, bool colour) {
  return safe_text(text(answer, "name")) + ": " + coloured(state_cell(answer), colour) + "\n";
}

// "blink 1.1.0: starting (before: 1.0.0)"
std::string app_deployed(const json::value& answer, bool colour) {
  const std::string before = text(answer, "replaced");
  return safe_text(text(answer, "name") + " " + text(answer, "version")) + ": " +
         coloured(state_cell(answer), colour) +
         (before == "-" ? "" : " (before: " + safe_text(before) + ")") + "\n";
}

std::string app_removed(const json::value& answer, bool) {
  return safe_text(text(answer, "name")) +
         (text(answer, "state") == "image"
              ? ": removed with its storage; the version of the device's image is back\n"
              : ": removed with its storage\n");
}

// "    12 [    3.201] text", as the kernel's own log looks.
std::string app_line(const json::value& line) {
  constexpr std::uint64_t kSecond = 1000;
  const std::uint64_t boot_ms = number(line, "boot_ms").value_or(0);
  const json::string* written = member(line, "text").if_string();
  std::string parts = std::to_string(boot_ms % kSecond);
  parts.insert(0, 3 - parts.size(), '0');
  const std::string seconds = std::to_string(boot_ms / kSecond) + "." + parts;
  return right(text(line, "sequence"), 6) + " [" + right(seconds, 10) + "] " +
         safe_text(written == nullptr ? "" : std::string_view(*written)) + "\n";
}

}  // namespace pavise::cli::view
