#include "device/apps/gpio/gpio_lines.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

Error failed(const GpioLine& line) {
  return {kNoGpioLine, line.name + ": " + line.chip + " line " + std::to_string(line.line) + ": " +
                           std::strerror(errno)};
}

}  // namespace

gpio_v2_line_request line_request(std::uint32_t line, const std::string& user) {
  gpio_v2_line_request out{};
  out.offsets[0] = line;
  out.num_lines = 1;
  std::copy_n(user.begin(), std::min(user.size(), sizeof out.consumer - 1), out.consumer);
  return out;
}

Result<UniqueFd> request_line(const GpioLine& line, const std::string& user) {
  const UniqueFd chip(::open(line.chip.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!chip) return failed(line);
  gpio_v2_line_request request = line_request(line.line, user);
  if (::ioctl(chip.get(), GPIO_V2_GET_LINE_IOCTL, &request) != 0) return failed(line);
  return UniqueFd(request.fd);
}

Result<RequestedLines> RequestedLines::request(std::span<const GpioLine> lines,
                                               const std::string& user,
                                               const RequestLine& request) {
  RequestedLines out;
  for (const GpioLine& line : lines) {
    PAVISE_TRY_ASSIGN(UniqueFd requested, request(line, user));
    out.lines_.push_back(std::move(requested));
    out.names_.push_back(line.name);
  }
  return out;
}

void RequestedLines::give(CompartmentSpec& spec) const {
  if (lines_.empty()) return;
  constexpr std::size_t kBefore = kFirstGpioDescriptor - kFirstDescriptor;
  if (spec.descriptors.size() < kBefore) spec.descriptors.resize(kBefore, kNoDescriptor);
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const std::size_t number = kFirstDescriptor + spec.descriptors.size();
    spec.environment.push_back("PAVISE_GPIO_" + names_[i] + '=' + std::to_string(number));
    spec.descriptors.push_back(lines_[i].get());
  }
}

}  // namespace pavise::device
