#include "device/monitor/server.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "device/monitor/errors.h"

namespace pavise::monitor {
namespace {

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

Status serve(const ipc::SeqpacketChannel& init, const ipc::SeqpacketChannel& agent,
             const Answer& answer) {
  struct End {
    const ipc::SeqpacketChannel* channel;
    Client client;
  };
  const std::array<End, 2> ends{{{&init, Client::init}, {&agent, Client::agent}}};
  std::array<pollfd, 2> polled{{{init.fd(), POLLIN, 0}, {agent.fd(), POLLIN, 0}}};
  for (;;) {
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Error(kChannelBroken, std::strerror(errno));
    }
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (polled.at(i).revents == 0) continue;
      PAVISE_TRY_ASSIGN(const bool goes_on,
                        serve_one(*ends.at(i).channel, ends.at(i).client, answer));
      if (!goes_on) return {};
    }
  }
}

}  // namespace pavise::monitor
