#include "device/monitor/server.h"

#include <poll.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "device/monitor/errors.h"

namespace pavise::monitor {
namespace {

constexpr int kNotPolled = -1;  // poll(2) leaves such an entry out

// False if the client is gone.
Result<bool> serve_one(const ipc::SeqpacketChannel& channel, Client client, const Answer& answer) {
  auto packet = channel.receive();
  if (!packet && packet.error().is(ipc::kPeerClosed)) return false;
  if (!packet && !packet.error().is(ipc::kPacketTooLong))
    return Error(kChannelBroken, packet.error().message());
  const SecretBytes response = answer(client, packet);
  // A request may hold what ActivateCredential is to decrypt; nothing of it stays.
  if (packet) wipe(*packet);
  const Status sent = channel.send(response.view(), kSendDeadlineMs);
  if (!sent && sent.error().is(ipc::kPeerClosed)) return false;
  if (!sent) return Error(kChannelBroken, sent.error().message());
  return true;
}

}  // namespace

Status serve(const Channels& channels, const Answer& answer) {
  struct End {
    const ipc::SeqpacketChannel* channel;
    Client client;
  };
  std::vector<End> ends{{&channels.init, Client::init}, {&channels.agent, Client::agent}};
  if (channels.apps) ends.push_back({&*channels.apps, Client::apps});
  std::vector<pollfd> polled;
  polled.reserve(ends.size());
  for (const End& end : ends) polled.push_back({end.channel->fd(), POLLIN, 0});
  for (;;) {
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Error(kChannelBroken, std::strerror(errno));
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (polled[i].revents == 0) continue;
      const auto goes_on = serve_one(*ends[i].channel, ends[i].client, answer);
      if (goes_on && *goes_on) continue;
      if (ends[i].client != Client::apps) return goes_on ? Status() : Status(goes_on.error());
      polled[i].fd = kNotPolled;
    }
  }
}

}  // namespace pavise::monitor
