#include "device/apps/names/name_service.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/ipc/descriptors.h"
#include "device/apps/names/name_server.h"
#include "device/apps/names/options.h"

namespace pavise::device {
namespace {

Error not_started(int error) {
  return {kNamesNotStarted, std::strerror(error)};
}

// Input, output and errors stay ours, its end of the channel becomes kNamesChannel, all else
// closes.
Result<pid_t> spawn(const NameService::Spec& spec, int channel) {
  std::vector<std::string> words{spec.program, "--user", std::to_string(spec.user)};
  if (!spec.upstream.empty()) words.insert(words.end(), {"--upstream", spec.upstream});
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, channel, kNamesChannel);
  posix_spawn_file_actions_addclosefrom_np(&actions, kNamesChannel + 1);
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t out = -1;
  const int failed =
      ::posix_spawn(&out, spec.program.c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return not_started(failed);
  return out;
}

}  // namespace

void NameService::Process::end() {
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid = -1;
}

Result<NameService> NameService::start(Spec spec) {
  NameService out(std::move(spec));
  PAVISE_TRY(out.launch());
  return out;
}

NameService::~NameService() = default;

int NameService::descriptor() const {
  return channel_ ? channel_->fd() : -1;
}

Status NameService::launch() {
  auto ends = ipc::make_pair();
  if (!ends) return Error(kNamesNotStarted, ends.error().detail());
  PAVISE_TRY_ASSIGN(const pid_t pid, spawn(spec_, ends->second.fd()));
  process_ = Process(pid);
  channel_.emplace(std::move(ends->first));
  return {};
}

Status NameService::restart() {
  end();
  PAVISE_TRY(launch());
  for (const auto& [handle, app] : apps_) hand_over(handle, app);
  return {};
}

void NameService::end() {
  channel_.reset();
  process_.end();
}

void NameService::hand_over(std::uint32_t handle, const App& app) {
  if (!channel_) return;
  const std::array<int, 2> sockets{app.sockets.datagrams.get(), app.sockets.listener.get()};
  if (!ipc::send_with_descriptors(channel_->fd(), encode(AddApp{handle, app.peers}), sockets,
                                  kNamesHandOverMs))
    end();
}

void NameService::tell(const NameOrder& order) {
  if (channel_ && !channel_->send(encode(order), kNamesHandOverMs)) end();
}

std::map<std::uint32_t, NameService::App>::const_iterator NameService::find(
    std::uint32_t number) const {
  return std::ranges::find(apps_, number, [](const auto& entry) { return entry.second.number; });
}

Status NameService::add_app(std::uint32_t app, ResolverSockets sockets,
                            std::vector<NamedPeer> peers) {
  if (peers.size() > kNamedPeersMax)
    return Error(kNamesAppRefused, "more than " + std::to_string(kNamedPeersMax) + " names");
  if (apps_.size() == kNamedAppsMax)
    return Error(kNamesAppRefused, "more than " + std::to_string(kNamedAppsMax) + " apps");
  if (find(app) != apps_.end())
    return Error(kNamesAppRefused, "number " + std::to_string(app) + " is in use");
  const std::uint32_t handle = next_handle_++;
  const auto added = apps_.emplace(handle, App{app, std::move(sockets), std::move(peers)}).first;
  hand_over(handle, added->second);
  return {};
}

void NameService::remove_app(std::uint32_t app) {
  const auto found = find(app);
  if (found == apps_.end()) return;
  tell(RemoveApp{found->first});
  apps_.erase(found);
}

std::optional<PinRequest> NameService::checked(const PinsWanted& wanted, const App& app) const {
  if (wanted.lifetime_s < kPinSecondsMin || wanted.lifetime_s > kPinSecondsMax) return std::nullopt;
  PinRequest out{.process = process_.pid,
                 .number = wanted.number,
                 .app = app.number,
                 .lifetime_s = wanted.lifetime_s};
  for (const NamedPin& pin : wanted.pins) {
    if (pin.peer >= app.peers.size() || !may_be_pinned(pin.address)) return std::nullopt;
    const NamedPeer& peer = app.peers[pin.peer];
    out.pins.push_back({pin.address, peer.socket_type, peer.port});
  }
  return out;
}

NameEvents NameService::take() {
  NameEvents out;
  for (std::size_t i = 0; channel_ && i < kNameEventsMax; ++i) {
    const auto packet = channel_->receive(kReportBytesMax, 0);
    if (!packet && packet.error().is(ipc::kTimedOut)) break;
    auto report = packet ? parse_report(*packet) : Result<NameReport>(packet.error());
    if (!report) {
      end();
      break;
    }
    const std::uint32_t handle = std::visit([](const auto& about) { return about.app; }, *report);
    const auto app = apps_.find(handle);
    if (app == apps_.end()) continue;  // removed since
    if (auto* const refused = std::get_if<RefusedName>(&*report)) {
      refused->app = app->second.number;
      out.refused.push_back(std::move(*refused));
    } else if (auto request = checked(std::get<PinsWanted>(*report), app->second)) {
      out.pins.push_back(*std::move(request));
    } else {
      end();
    }
  }
  return out;
}

void NameService::confirm(const PinRequest& request, bool done) {
  if (request.process == process_.pid) tell(PinsMade{request.number, done});
}

}  // namespace pavise::device
