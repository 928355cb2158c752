#include "device/agent/launcher_channel.h"

#include <sys/socket.h>

#include "device/agent/errors.h"

namespace pavise::agent {

std::optional<ipc::SeqpacketChannel> inherited_launcher_channel(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
    return std::nullopt;
  return ipc::SeqpacketChannel(UniqueFd(fd));
}

// A launcher that is late or talks too much may do better; one without a socket is gone.
Error LauncherChannel::failed(const Error& cause) {
  if (cause.is(ipc::kTimedOut)) return kLauncherSilent;
  if (cause.is(ipc::kPacketTooLong)) return Error(kLauncherAnswer, std::string(cause.code()));
  gone_ = true;
  channel_.reset();
  Error gone(kLauncherGone, std::string(cause.code()));
  log_.line(gone.message());
  return gone;
}

template <class T>
Result<apps_ipc::Answer<T>> LauncherChannel::ask(const apps_ipc::Request& request,
                                                 Result<apps_ipc::Answer<T>> (*parse)(ByteView),
                                                 int timeout_ms) {
  if (!channel_) return gone_ ? Error(kLauncherGone) : Error(kNoApps);
  if (answer_due_) {
    // It would be taken for that of this question. Whatever it is, it came.
    const auto late = channel_->receive(apps_ipc::kMessageBytesMax, 0);
    if (!late && !late.error().is(ipc::kPacketTooLong)) return failed(late.error());
    answer_due_ = false;
  }
  if (auto sent = channel_->send(apps_ipc::encode(request), timeout_ms); !sent)
    return failed(sent.error());
  const auto packet = channel_->receive(apps_ipc::kMessageBytesMax, timeout_ms);
  if (!packet) {
    answer_due_ = packet.error().is(ipc::kTimedOut);
    return failed(packet.error());
  }
  auto answer = parse(*packet);
  if (!answer) return Error(kLauncherAnswer, std::string(answer.error().code()));
  return answer;
}

Result<apps_ipc::Answer<apps_ipc::AppList>> LauncherChannel::list() {
  return ask(apps_ipc::List{}, &apps_ipc::parse_list, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::Acted>> LauncherChannel::act(const apps_ipc::Request& request) {
  return ask(request, &apps_ipc::parse_acted, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::LogPage>> LauncherChannel::logs(const apps_ipc::Logs& request) {
  return ask(request, &apps_ipc::parse_logs, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::Received>> LauncherChannel::receive(
    const apps_ipc::Receive& request) {
  return ask(request, &apps_ipc::parse_received, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::Installed>> LauncherChannel::install(
    const apps_ipc::Install& request) {
  return ask(request, &apps_ipc::parse_installed, install_timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::Removed>> LauncherChannel::remove(
    const apps_ipc::Remove& request) {
  return ask(request, &apps_ipc::parse_removed, install_timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::GrantTaken>> LauncherChannel::grant(
    const apps_ipc::GiveGrant& request) {
  return ask(request, &apps_ipc::parse_grant_taken, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::DebugBegun>> LauncherChannel::debug(
    const apps_ipc::Debug& request) {
  return ask(request, &apps_ipc::parse_debug_begun, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::Exchanged>> LauncherChannel::exchange(
    const apps_ipc::Exchange& request) {
  return ask(request, &apps_ipc::parse_exchanged, timeout_ms_);
}

Result<apps_ipc::Answer<apps_ipc::TimeHeard>> LauncherChannel::tell_time(
    const apps_ipc::TellTime& time) {
  return ask(time, &apps_ipc::parse_time_heard, timeout_ms_);
}

}  // namespace pavise::agent
