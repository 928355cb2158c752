#include "device/apps/house/app_log.h"

namespace pavise::device {

void AppLog::add(std::string_view text, std::int64_t steady_ms) {
  text = text.substr(0, kAppLogBytesMax);
  bytes_ += text.size();
  lines_.push_back({next_++, steady_ms, std::string(text)});
  while (lines_.size() > kAppLogLinesMax || bytes_ > kAppLogBytesMax) {
    bytes_ -= lines_.front().text.size();
    lines_.pop_front();
  }
}

std::vector<AppLogLine> AppLog::after(std::uint64_t sequence) const {
  std::vector<AppLogLine> out;
  for (const AppLogLine& line : lines_)
    if (line.sequence > sequence) out.push_back(line);
  return out;
}

}  // namespace pavise::device
