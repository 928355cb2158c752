#include "cloud/security/signer/client/signer_client.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "cloud/security/signer/wire/wire.h"
#include "common/base/batcher.h"
#include "common/ipc/seqpacket.h"

namespace pavise::security::signer {
namespace {

Error unreachable(const Error& cause) {
  return Error(kSignerUnreachable, std::string(cause.info().what) +
                                       (cause.detail().empty() ? "" : ", " + cause.detail()));
}

// One of the client's slots; without a channel it connects before its next use.
struct Slot {
  std::optional<ipc::SeqpacketChannel> channel;
};

class SignerClient final : public Signer {
 public:
  explicit SignerClient(SignerClientOptions options)
      : options_(std::move(options)),
        leaves_(wire::kLeavesPerBatchMax, options_.connections,
                [this](std::span<Leaf* const> batch) { sign_together(batch); }) {
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.connections); ++i)
      free_.emplace_back();
  }

  Result<AuthorityCertificates> create_tenant_ca(const TenantId& tenant) override {
    PAVISE_TRY_ASSIGN(const Bytes response, call(wire::CreateTenantCa{tenant}));
    return wire::parse_authority(response);
  }

  Result<Bytes> sign_leaf(const LeafRequest& request) override {
    Leaf leaf{.request = &request, .answer = {}};
    leaves_.run(leaf);
    return *std::move(leaf.answer);
  }

  std::vector<Result<Bytes>> sign_leaves(const std::vector<LeafRequest>& requests) override {
    std::vector<Result<Bytes>> out;
    for (std::size_t at = 0; at < requests.size(); at += wire::kLeavesPerBatchMax) {
      const auto begin = requests.begin() + static_cast<std::ptrdiff_t>(at);
      const std::size_t count = std::min(wire::kLeavesPerBatchMax, requests.size() - at);
      sign_batch({begin, begin + static_cast<std::ptrdiff_t>(count)}, out);
    }
    return out;
  }

  Result<ServerCertificate> make_server_certificate(const ServerRequest& request) override {
    PAVISE_TRY_ASSIGN(const Bytes response, call(wire::MakeServerCertificate{request}));
    return wire::parse_server_certificate(response);
  }

  Result<std::vector<TenantAuthority>> list() override {
    std::vector<TenantAuthority> out;
    while (true) {
      const std::string after = out.empty() ? "" : out.back().tenant.text();
      PAVISE_TRY_ASSIGN(const Bytes response, call(wire::List{after}));
      PAVISE_TRY_ASSIGN(auto page, wire::parse_list(response));
      const bool last = page.size() < wire::kListPageMax;
      for (TenantAuthority& one : page) {
        if (one.tenant.text() <= after) return Error(kSignerProtocol, "the list is not in order");
        out.push_back(std::move(one));
      }
      if (last) return out;
    }
  }

 private:
  struct Leaf {
    const LeafRequest* request;
    std::optional<Result<Bytes>> answer;
  };

  // One round trip for all callers who wait for a single leaf.
  void sign_together(std::span<Leaf* const> batch) {
    std::vector<LeafRequest> requests;
    requests.reserve(batch.size());
    for (const Leaf* leaf : batch) requests.push_back(*leaf->request);
    std::vector<Result<Bytes>> answers;
    sign_batch(std::move(requests), answers);
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->answer = std::move(answers[i]);
  }

  void sign_batch(std::vector<LeafRequest> batch, std::vector<Result<Bytes>>& out) {
    const std::size_t count = batch.size();
    const auto response = call(wire::SignLeaves{std::move(batch)});
    auto leaves = response ? wire::parse_leaves(*response, count)
                           : Result<std::vector<Result<Bytes>>>(response.error());
    for (std::size_t i = 0; i < count; ++i)
      out.push_back(leaves ? std::move((*leaves)[i]) : Result<Bytes>(leaves.error()));
  }

  Result<Bytes> call(const wire::Request& request) {
    auto slot = take_slot();
    if (!slot) return Error(kSignerUnreachable, "all connections are busy");
    const Bytes packet = wire::encode_request(request);
    const bool reused = slot->channel.has_value();
    auto response = exchange(*slot, packet);
    // A connection from before a restart of the signer: the request reached nobody.
    if (!response && reused && response.error().is(ipc::kPeerClosed))
      response = exchange(*slot, packet);
    give_back(*std::move(slot));
    if (!response) return unreachable(response.error());
    return response;
  }

  Result<Bytes> exchange(Slot& slot, ByteView packet) {
    if (!slot.channel) {
      PAVISE_TRY_ASSIGN(slot.channel, ipc::connect_to(options_.socket_path));
    }
    const auto sent = slot.channel->send(packet, options_.timeout_ms);
    auto response = sent ? slot.channel->receive(wire::kPacketBytesMax, options_.timeout_ms)
                         : Result<Bytes>(sent.error());
    // After any failure a late answer could be taken for that to the next request.
    if (!response) slot.channel.reset();
    return response;
  }

  std::optional<Slot> take_slot() {
    std::unique_lock lock(mutex_);
    if (!available_.wait_for(lock, std::chrono::milliseconds(options_.timeout_ms),
                             [this] { return !free_.empty(); }))
      return std::nullopt;
    Slot slot = std::move(free_.back());
    free_.pop_back();
    return slot;
  }

  void give_back(Slot slot) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(slot));
    }
    available_.notify_one();
  }

  const SignerClientOptions options_;
  std::mutex mutex_;
  std::condition_variable available_;
  std::vector<Slot> free_;
  Batcher<Leaf> leaves_;
};

}  // namespace

std::unique_ptr<Signer> make_signer_client(SignerClientOptions options) {
  return std::make_unique<SignerClient>(std::move(options));
}

}  // namespace pavise::security::signer
