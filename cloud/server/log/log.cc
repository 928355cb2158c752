#include "cloud/server/log/log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>

namespace pavise::server {
namespace {

constexpr std::size_t kQueuedLinesMax = 8192;

std::string_view to_string(Level level) {
  switch (level) {
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

// The length of the UTF-8 character at the front (Unicode table 3-7); 0: it is none.
std::size_t character_size(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return at(i) >= low && at(i) <= high;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// At most kFieldBytesMax bytes of it, in UTF-8: what comes from the network is neither bounded nor
// always text. The JSON writer escapes control characters.
std::string loggable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const std::string_view character = size == 0 ? "\xef\xbf\xbd" : text.substr(0, size);
    if (out.size() + character.size() > kFieldBytesMax) return out + "...";
    out += character;
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

class StderrLog final : public Log {
 public:
  explicit StderrLog(const Clock& clock)
      : clock_(clock),
        writer_(std::make_shared<spdlog::details::thread_pool>(kQueuedLinesMax, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "pavise", std::make_shared<spdlog::sinks::stderr_sink_mt>(), writer_,
            spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern("%v");
    logger_->set_error_handler([](const std::string&) {});
  }
  void write(Level level, std::string_view event, std::span<const Field> fields) override {
    logger_->info(format_line(clock_.now_ms(), level, event, fields));
  }

 private:
  const Clock& clock_;
  std::shared_ptr<spdlog::details::thread_pool> writer_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

}  // namespace

std::string rfc3339(UnixSeconds time) {
  std::tm parts{};
  const std::time_t seconds = time;
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

std::string rfc3339_ms(UnixMillis time_ms) {
  std::string text = rfc3339(time_ms / 1000);
  std::string millis = std::to_string(1000 + time_ms % 1000);
  millis[0] = '.';
  return text.insert(text.size() - 1, millis);
}

std::string format_line(UnixMillis now_ms, Level level, std::string_view event,
                        std::span<const Field> fields) {
  boost::json::object line;
  line["time"] = rfc3339_ms(now_ms);
  line["level"] = to_string(level);
  line["event"] = event;
  for (const Field& field : fields)
    if (!field.value.empty()) line[field.key] = loggable(field.value);
  return boost::json::serialize(line);
}

std::unique_ptr<Log> make_stderr_log(const Clock& clock) {
  return std::make_unique<StderrLog>(clock);
}

}  // namespace pavise::server
