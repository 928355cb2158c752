#include "cloud/security/signer/service/signer_service.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "cloud/security/signer/client/signer_client.h"
#include "cloud/security/signer/wire/wire.h"

namespace pavise::security::signer {
namespace {

using testing::SizeIs;

const TenantId kAcme = *TenantId::parse("acme");
const TenantId kForbidden = *TenantId::parse("forbidden");

// Certificates are the tenant's name; leaves of kForbidden are refused.
class FakeSigner final : public Signer {
 public:
  Result<AuthorityCertificates> create_tenant_ca(const TenantId& tenant) override {
    return AuthorityCertificates{to_bytes(as_bytes(tenant.text())), to_bytes(as_bytes("issuing"))};
  }
  Result<Bytes> sign_leaf(const LeafRequest& request) override {
    if (request.tenant == kForbidden) return Error(kSignerPolicy, "no");
    return to_bytes(as_bytes(std::to_string(request.not_before)));
  }
  std::vector<Result<Bytes>> sign_leaves(const std::vector<LeafRequest>& requests) override {
    std::vector<Result<Bytes>> out;
    for (const auto& request : requests) out.push_back(sign_leaf(request));
    return out;
  }
  Result<ServerCertificate> make_server_certificate(const ServerRequest&) override {
    return kSignerOverloaded;
  }
  Result<std::vector<TenantAuthority>> list() override {
    std::vector<TenantAuthority> out;
    for (std::size_t i = 0; i < wire::kListPageMax + 3; ++i) {
      const std::string name = "t" + std::to_string(100 + i);
      out.push_back({*TenantId::parse(name), {Bytes(1), Bytes(1)}});
    }
    return out;
  }
};

LeafRequest leaf(const TenantId& tenant, UnixSeconds not_before) {
  return {.tenant = tenant,
          .device = *DeviceId::parse(std::string(64, 'a')),
          .public_xy = {},
          .not_before = not_before,
          .not_after = not_before + 1,
          .serial = {}};
}

class SignerServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "signerXXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    client_ = make_signer_client({.socket_path = path(), .timeout_ms = 2000, .connections = 2});
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(folder_);
  }
  std::string path() const { return folder_ / "socket"; }
  void start(uid_t uid = ::geteuid()) {
    listener_.emplace(ipc::SeqpacketListener::listen_at(path()).value());
    stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this, uid] { (void)serve(signer_, *listener_, uid, stop_.get()); });
  }
  void stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
    listener_.reset();
  }

  std::filesystem::path folder_;
  FakeSigner signer_;
  std::optional<ipc::SeqpacketListener> listener_;
  UniqueFd stop_;
  std::thread thread_;
  std::unique_ptr<Signer> client_;
};

TEST_F(SignerServiceTest, EveryOperationGoesThrough) {
  start();
  EXPECT_EQ(as_text(client_->create_tenant_ca(kAcme)->root), "acme");
  EXPECT_EQ(as_text(*client_->sign_leaf(leaf(kAcme, 7))), "7");
  EXPECT_TRUE(client_->sign_leaf(leaf(kForbidden, 7)).error().is(kSignerPolicy));
  EXPECT_TRUE(client_->make_server_certificate({{"a"}, {}, {}}).error().is(kSignerOverloaded));
  EXPECT_THAT(*client_->list(), SizeIs(wire::kListPageMax + 3)) << "over two pages";
}

TEST_F(SignerServiceTest, LeavesOfManyBatchesKeepTheirOrder) {
  start();
  std::vector<LeafRequest> requests;
  for (int i = 0; i < 70; ++i) requests.push_back(leaf(i == 40 ? kForbidden : kAcme, i));
  const auto answers = client_->sign_leaves(requests);
  ASSERT_THAT(answers, SizeIs(70));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i == 40)
      EXPECT_TRUE(answers[i].error().is(kSignerPolicy));
    else
      EXPECT_EQ(as_text(*answers[i]), std::to_string(i));
  }
}

TEST_F(SignerServiceTest, WithoutASignerItSaysSo) {
  EXPECT_TRUE(client_->create_tenant_ca(kAcme).error().is(kSignerUnreachable));
  EXPECT_TRUE(
      client_->sign_leaves({leaf(kAcme, 1), leaf(kAcme, 2)})[1].error().is(kSignerUnreachable));
}

TEST_F(SignerServiceTest, ARestartedSignerIsFoundAgain) {
  start();
  ASSERT_TRUE(client_->create_tenant_ca(kAcme));
  stop();
  EXPECT_TRUE(client_->create_tenant_ca(kAcme).error().is(kSignerUnreachable));
  start();
  ASSERT_TRUE(client_->create_tenant_ca(kAcme));
  stop();
  start();
  EXPECT_TRUE(client_->create_tenant_ca(kAcme)) << "the old connection is dead, and nobody notices";
}

TEST_F(SignerServiceTest, AnotherUserIsNotServed) {
  start(::geteuid() + 1);
  EXPECT_TRUE(client_->create_tenant_ca(kAcme).error().is(kSignerUnreachable));
}

TEST_F(SignerServiceTest, GarbageIsRefusedAndTheConnectionLives) {
  start();
  const auto channel = ipc::connect_to(path()).value();
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, wire::kPacketBytesMax}) {
    ASSERT_TRUE(channel.send(Bytes(size, std::byte{0xff}), 1000));
    const auto response = channel.receive(wire::kPacketBytesMax, 1000);
    ASSERT_TRUE(response);
    EXPECT_TRUE(wire::parse_authority(*response).error().is(kSignerProtocol));
  }
  ASSERT_TRUE(channel.send(Bytes(wire::kPacketBytesMax + 1), 1000));
  EXPECT_FALSE(channel.receive(wire::kPacketBytesMax, 1000)) << "too large: closed";
  EXPECT_TRUE(client_->create_tenant_ca(kAcme));
}

TEST_F(SignerServiceTest, SilentConnectionsDoNotBlockOthers) {
  start();
  std::vector<ipc::SeqpacketChannel> silent;
  for (std::size_t i = 0; i + 2 < kConnectionsMax; ++i)
    silent.push_back(ipc::connect_to(path()).value());
  EXPECT_TRUE(client_->create_tenant_ca(kAcme));
}

TEST_F(SignerServiceTest, ConnectionsAreBounded) {
  start();
  std::vector<ipc::SeqpacketChannel> open;
  const Bytes request = wire::encode_request(wire::List{""});
  for (std::size_t i = 0; i < kConnectionsMax; ++i) {
    open.push_back(ipc::connect_to(path()).value());
    ASSERT_TRUE(open.back().send(request, 1000));
    ASSERT_TRUE(open.back().receive(wire::kPacketBytesMax, 1000)) << i;
  }
  const auto one_more = ipc::connect_to(path()).value();
  (void)one_more.send(request, 1000);
  EXPECT_FALSE(one_more.receive(wire::kPacketBytesMax, 1000));
  open.pop_back();
  EXPECT_TRUE(client_->create_tenant_ca(kAcme));
}

TEST_F(SignerServiceTest, ManyThreadsShareTheConnections) {
  start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i)
        EXPECT_EQ(as_text(client_->sign_leaf(leaf(kAcme, t * 1000 + i)).value()),
                  std::to_string(t * 1000 + i));
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace pavise::security::signer
