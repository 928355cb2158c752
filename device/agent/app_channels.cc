#include "device/agent/app_channels.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "common/ipc/untrusted.h"
#include "device/agent/errors.h"

namespace pavise::agent {
namespace {

// False: not now. That the other end is gone is found out by reading.
bool send_packet(int socket, ByteView packet) {
  while (true) {
    if (::send(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return errno != EAGAIN && errno != ENOBUFS;
  }
}

// Calls of an agent count on from those of the one before; far from where they would begin anew.
constexpr std::uint32_t kLastCallMax = UINT32_MAX / 2;

bool take_out(std::vector<std::uint32_t>& from, std::uint32_t id) {
  return std::erase(from, id) != 0;
}

}  // namespace

// The launcher has a copy for the next agent: closing ours would not tell the app.
void end_for_all(const UniqueFd& socket) {
  (void)::shutdown(socket.get(), SHUT_RDWR);
}

AppChannels::Channel& AppChannels::insert(std::string app, UniqueFd socket) {
  remove(app);
  packet_.resize(app_channel::kPacketBytesMax);
  std::erase_if(rates_, [this](const auto& item) {
    return item.second.is_full(now_ms_) && !find_channel(item.first);
  });
  rates_.try_emplace(app, now_ms_);
  Channel& channel = channels_[++last_];
  channel.app = std::move(app);
  channel.socket = std::move(socket);
  return channel;
}

AppChannelId AppChannels::add(std::string app, UniqueFd socket) {
  flush(insert(std::move(app), std::move(socket)));
  return last_;
}

AppChannelId AppChannels::take_over(std::string app, UniqueFd socket) {
  Channel& channel = insert(std::move(app), std::move(socket));
  channel.taken_over_waits = true;
  channel.asked = true;
  flush(channel);
  return last_;
}

AppChannels::Channels::const_iterator AppChannels::find(std::string_view app) const {
  return std::ranges::find_if(channels_, [&](const auto& item) { return item.second.app == app; });
}

std::optional<AppChannelId> AppChannels::find_channel(std::string_view app) const {
  const auto found = find(app);
  if (found == channels_.end()) return std::nullopt;
  return found->first;
}

// What the app sent and nobody read goes with it. The launcher has a copy for the next agent: a
// mere close would not tell the app.
void AppChannels::end(AppChannelId id) {
  (void)::shutdown(channels_.at(id).socket.get(), SHUT_RDWR);
  ipc::close_untrusted(std::move(channels_.at(id).socket));
  channels_.erase(id);
}

void AppChannels::remove(std::string_view app) {
  if (const auto found = find(app); found != channels_.end()) end(found->first);
}

std::vector<pollfd> AppChannels::polled() const {
  std::vector<pollfd> out;
  out.reserve(channels_.size());
  for (const auto& [id, channel] : channels_) {
    short events = rate(channel).may_read(now_ms_) ? POLLIN : 0;
    if (channel.waits_to_write()) events |= POLLOUT;
    // Who waits for nothing is left out: its end would wake us all the time.
    if (events != 0) out.push_back({channel.socket.get(), events, 0});
  }
  return out;
}

std::int64_t AppChannels::next_wake_ms() const {
  std::int64_t out = INT64_MAX;
  for (const auto& [id, channel] : channels_)
    if (!rate(channel).may_read(now_ms_)) out = std::min(out, rate(channel).ready_at_ms());
  return out;
}

void AppChannels::flush(Channel& channel) const {
  const int socket = channel.socket.get();
  if (channel.taken_over_waits)
    channel.taken_over_waits = !send_packet(socket, app_channel::encode_taken_over());
  if (channel.taken_over_waits) return;
  if (channel.connection_waits)
    channel.connection_waits = !send_packet(socket, app_channel::encode_connection(online_));
  if (channel.connection_waits || channel.asked) return;
  while (!channel.results.empty() && send_packet(socket, channel.results.front().packet))
    channel.results.pop_front();
}

std::vector<AppEvent> AppChannels::turn(std::int64_t now_ms) {
  now_ms_ = now_ms;
  std::vector<AppEvent> events;
  for (auto it = channels_.begin(); it != channels_.end();) {
    const auto now = it++;
    flush(now->second);
    bool open = true;
    bool more = true;
    for (std::size_t read = 0; open && more && read < kAppPacketsPerTurn; ++read) {
      if (!rate(now->second).may_read(now_ms)) break;
      open = read_one(now->first, now->second, events, more);
    }
    if (!open) end(now->first);
  }
  return events;
}

bool AppChannels::read_one(AppChannelId id, Channel& channel, std::vector<AppEvent>& events,
                           bool& more) {
  const auto packet = ipc::receive_untrusted(channel.socket.get(), packet_);
  if (!packet && packet.error().is(ipc::kTimedOut)) {
    more = false;
    return true;
  }
  if (!packet) {
    events.emplace_back(AppChannelEnded{id, channel.app, {}});
    return false;
  }
  Status taken;
  if (packet->with_descriptors)
    taken = Error(app_channel::kBadAppPacket, "descriptors");
  else if (packet->size > packet_.size())
    taken = Error(app_channel::kBadAppPacket, "too large");
  else
    taken = take(id, channel, ByteView(packet_).first(packet->size), events);
  if (!taken) events.emplace_back(AppChannelEnded{id, channel.app, taken.error()});
  return taken.has_value();
}

void AppChannels::count(const Channel& channel, std::size_t bytes, std::vector<AppEvent>& events) {
  AppRate& rate = rates_.at(channel.app);
  rate.take(bytes, now_ms_);
  if (!rate.may_read(now_ms_) && rate.is_news(now_ms_))
    events.emplace_back(AppHeldBack{channel.app});
}

Status AppChannels::take(AppChannelId id, Channel& channel, ByteView packet,
                         std::vector<AppEvent>& events) {
  PAVISE_TRY_ASSIGN(const app_channel::FromApp parsed, app_channel::parse_from_app(packet));
  if (const auto* under_way = std::get_if<app_channel::UnderWay>(&parsed))
    return take(channel, *under_way);
  if (const auto* answer = std::get_if<app_channel::MethodAnswer>(&parsed)) {
    if (take_out(channel.calls, answer->id)) {
      events.emplace_back(AppMethodAnswer{id, answer->id, answer->status, to_bytes(answer->body)});
      return {};
    }
    // Before it has said which was the last, it may be one of the agent before.
    if (!channel.asked && (answer->id == 0 || answer->id > channel.last_call))
      return Error(app_channel::kBadAppPacket, "an answer to no call");
    count(channel, packet.size(), events);  // it comes late, or twice
    return {};
  }
  const auto& message = std::get<app_channel::Telemetry>(parsed);
  if (std::ranges::find(channel.telemetry, message.id) != channel.telemetry.end())
    return Error(app_channel::kBadAppPacket, "an id that is under way");
  if (channel.telemetry.size() + channel.results.size() >= kAppTelemetryMax)
    return Error(app_channel::kBadAppPacket, "too many messages under way");
  channel.telemetry.push_back(message.id);
  events.emplace_back(AppTelemetry{id, channel.app, message.id, std::string(message.content_type),
                                   std::string(message.properties), to_bytes(message.body)});
  count(channel, packet.size(), events);
  return {};
}

Status AppChannels::take(Channel& channel, const app_channel::UnderWay& under_way) {
  if (!channel.asked || channel.taken_over_waits || under_way.last_call > kLastCallMax)
    return Error(app_channel::kBadAppPacket, "an answer to no question");
  std::vector<std::uint32_t> lost = under_way.ids;
  std::erase_if(lost, [&](std::uint32_t id) {
    return std::ranges::count(channel.telemetry, id) != 0 ||
           std::ranges::count(channel.results, id, &Result::id) != 0;
  });
  if (channel.telemetry.size() + channel.results.size() + lost.size() > kAppTelemetryMax)
    return Error(app_channel::kBadAppPacket, "too many messages under way");
  const std::string reason = Error(kAppResultLost).message();
  for (const std::uint32_t id : lost)
    channel.results.push_back(
        {id, app_channel::encode(app_channel::TelemetryResult{id, false, reason})});
  channel.last_call = under_way.last_call;
  channel.asked = false;
  return {};
}

void AppChannels::finish(AppChannelId channel, std::uint32_t id, bool accepted,
                         std::string_view reason) {
  const auto found = channels_.find(channel);
  if (found == channels_.end() || !take_out(found->second.telemetry, id)) return;
  found->second.results.push_back({id, app_channel::encode(app_channel::TelemetryResult{
                                           id, accepted, accepted ? std::string_view() : reason})});
  flush(found->second);
}

std::optional<std::pair<AppChannelId, std::uint32_t>> AppChannels::call(std::string_view app,
                                                                        std::string_view name,
                                                                        ByteView payload) {
  if (name.empty() || name.size() > app_channel::kMethodNameBytesMax ||
      payload.size() > app_channel::kPayloadBytesMax)
    return std::nullopt;
  const auto id = find_channel(app);
  if (!id) return std::nullopt;
  Channel& channel = channels_.at(*id);
  if (channel.calls.size() >= kAppCallsMax) return std::nullopt;
  flush(channel);
  if (channel.asked || channel.waits_to_write()) return std::nullopt;
  const std::uint32_t call = channel.last_call + 1;
  if (!send_packet(channel.socket.get(),
                   app_channel::encode(app_channel::MethodCall{call, name, payload})))
    return std::nullopt;
  channel.last_call = call;
  channel.calls.push_back(call);
  return std::pair{*id, call};
}

void AppChannels::forget(AppChannelId channel, std::uint32_t id) {
  if (const auto found = channels_.find(channel); found != channels_.end())
    take_out(found->second.calls, id);
}

void AppChannels::set_online(bool online) {
  if (online_ == online) return;
  online_ = online;
  for (auto& [id, channel] : channels_) {
    channel.connection_waits = true;
    flush(channel);
  }
}

}  // namespace pavise::agent
