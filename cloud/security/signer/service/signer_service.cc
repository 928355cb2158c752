#include "cloud/security/signer/service/signer_service.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cloud/security/signer/wire/wire.h"

namespace pavise::security::signer {
namespace {

template <class T>
Bytes encode(const Result<T>& result) {
  return result ? wire::encode_response(*result) : wire::encode_refusal(result.error());
}

Bytes answer_to(Signer& signer, const wire::CreateTenantCa& request) {
  return encode(signer.create_tenant_ca(request.tenant));
}

Bytes answer_to(Signer& signer, const wire::SignLeaves& request) {
  return wire::encode_response(signer.sign_leaves(request.leaves));
}

Bytes answer_to(Signer& signer, const wire::MakeServerCertificate& request) {
  return encode(signer.make_server_certificate(request.request));
}

Bytes answer_to(Signer& signer, const wire::List& request) {
  auto all = signer.list();
  if (!all) return wire::encode_refusal(all.error());
  std::vector<TenantAuthority> page;
  for (TenantAuthority& one : *all) {
    if (one.tenant.text() <= request.after) continue;
    if (page.size() == wire::kListPageMax) break;
    page.push_back(std::move(one));
  }
  return wire::encode_response(page);
}

// Returns false when the connection has to be closed.
bool serve_one(Signer& signer, const ipc::SeqpacketChannel& channel) {
  const auto request = channel.receive(wire::kPacketBytesMax, 0);
  if (!request && request.error().is(ipc::kTimedOut)) return true;  // nothing there after all
  if (!request) return false;
  return static_cast<bool>(channel.send(answer(signer, *request), kAnswerTimeoutMs));
}

void accept_one(const ipc::SeqpacketListener& listener, uid_t uid,
                std::vector<ipc::SeqpacketChannel>& channels) {
  auto channel = listener.accept_from(uid, 0);
  if (channel && channels.size() < kConnectionsMax) channels.push_back(*std::move(channel));
}

}  // namespace

Bytes answer(Signer& signer, ByteView packet) {
  const auto request = wire::parse_request(packet);
  if (!request) return wire::encode_refusal(request.error());
  return std::visit([&](const auto& one) { return answer_to(signer, one); }, *request);
}

Status serve(Signer& signer, const ipc::SeqpacketListener& listener, uid_t uid, int stop_fd) {
  std::vector<ipc::SeqpacketChannel> channels;
  while (true) {
    std::vector<pollfd> waits{{stop_fd, POLLIN, 0}, {listener.fd(), POLLIN, 0}};
    for (const auto& channel : channels) waits.push_back({channel.fd(), POLLIN, 0});
    if (::poll(waits.data(), waits.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return Error(ipc::kSocketFailed, std::string("poll: ") + std::strerror(errno));
    }
    if (waits[0].revents != 0) return {};
    // From the back, so that an erased channel does not shift those still to be looked at.
    for (std::size_t i = channels.size(); i-- > 0;)
      if (waits[i + 2].revents != 0 && !serve_one(signer, channels[i]))
        channels.erase(channels.begin() + static_cast<std::ptrdiff_t>(i));
    if (waits[1].revents != 0) accept_one(listener, uid, channels);
  }
}

}  // namespace pavise::security::signer
