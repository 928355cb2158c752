#include "device/apps/debugging/debugging.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

constexpr std::int64_t kNeverMs = INT64_MAX;
// The wall clock may be set meanwhile, so it is looked at again and again.
constexpr std::int64_t kLookEveryMs = 1000;

}  // namespace

Result<apps_ipc::GrantTaken> Debugging::take_grant(ByteView grant) {
  PAVISE_TRY_ASSIGN(const dev_grant::Terms terms, grants_.take(grant));
  PAVISE_TRY_ASSIGN(std::string name, apps_.name_of(terms.component));
  return apps_ipc::GrantTaken{.name = std::move(name),
                              .until_s = static_cast<std::uint64_t>(terms.not_after)};
}

Result<apps_ipc::DebugBegun> Debugging::begin(std::string_view name) {
  PAVISE_TRY_ASSIGN(const manifest::ComponentId component, apps_.component_of(name));
  const auto until = grants_.until(component);
  if (!until) return Error(kNoGrant, std::string(name));
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error(kStreamNotMade, std::strerror(errno));
  UniqueFd ours(ends[0]);
  UniqueFd its(ends[1]);
  std::erase_if(sessions_, [name](const Session& session) { return session.name == name; });
  if (const Status begun = apps_.debug(name, std::move(its), *until); !begun) {
    apps_.let_go(name);
    return begun.error();
  }
  sessions_.push_back({.name = std::string(name),
                       .component = component,
                       .number = ++last_number_,
                       .stream = DebugStream(std::move(ours)),
                       .asked_ms = clock_.steady_ms()});
  return apps_ipc::DebugBegun{.session = last_number_,
                              .until_s = static_cast<std::uint64_t>(*until)};
}

Result<apps_ipc::Exchanged> Debugging::exchange(const apps_ipc::Exchange& request) {
  on_time();
  const auto found = std::ranges::find_if(sessions_, [&request](const Session& session) {
    return session.name == request.name && session.number == request.session;
  });
  if (found == sessions_.end()) return kNoSession;
  if (request.end) {
    end(request.name);
    return apps_ipc::Exchanged{.taken = request.at, .data = {}, .over = true};
  }
  found->asked_ms = clock_.steady_ms();
  apps_ipc::Exchanged out;
  PAVISE_TRY_ASSIGN(out.taken, found->stream.put(request.at, request.data));
  PAVISE_TRY_ASSIGN(const ByteView data, found->stream.get(request.received));
  out.data = to_bytes(data);
  out.over = found->stream.is_over();
  return out;
}

void Debugging::end(std::string_view name) {
  apps_.let_go(name);
  std::erase_if(sessions_, [name](const Session& session) { return session.name == name; });
}

bool Debugging::has_ended(const Session& session) {
  return !grants_.until(session.component) || clock_.steady_ms() - session.asked_ms >= kDebugIdleMs;
}

void Debugging::on_time() {
  grants_.on_time();
  std::vector<std::string> ended;
  for (const Session& session : sessions_)
    if (has_ended(session)) ended.push_back(session.name);
  for (const std::string& name : ended) end(name);
}

std::int64_t Debugging::wait_ms() {
  return sessions_.empty() ? kNeverMs : kLookEveryMs;
}

}  // namespace pavise::device
