#include "device/monitor/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "device/monitor/errors.h"

namespace pavise::monitor {
namespace {

constexpr int kWaitMs = 10'000;

class ServerTest : public ::testing::Test {
 protected:
  void start() {
    auto [ours_init, its_init] = ipc::make_pair().value();
    auto [ours_agent, its_agent] = ipc::make_pair().value();
    init_.emplace(std::move(ours_init));
    agent_.emplace(std::move(ours_agent));
    run({std::move(its_init), std::move(its_agent), std::nullopt});
  }
  void start_with_apps() {
    auto [ours_init, its_init] = ipc::make_pair().value();
    auto [ours_agent, its_agent] = ipc::make_pair().value();
    auto [ours_apps, its_apps] = ipc::make_pair().value();
    init_.emplace(std::move(ours_init));
    agent_.emplace(std::move(ours_agent));
    apps_.emplace(std::move(ours_apps));
    run({std::move(its_init), std::move(its_agent), std::move(its_apps)});
  }
  void run(Channels channels) {
    server_ = std::thread([this, its = std::move(channels)] {
      outcome_ = serve(its, [](Client client, const Result<Bytes>& packet) {
        static constexpr std::string_view kNames = "iap";  // in the order of Client
        Bytes out{static_cast<std::byte>(kNames.at(static_cast<std::size_t>(client)))};
        append(out, packet ? ByteView(*packet) : as_bytes(packet.error().code()));
        return SecretBytes(std::move(out));
      });
    });
  }
  std::string ask(const ipc::SeqpacketChannel& channel, ByteView packet) {
    EXPECT_TRUE(channel.send(packet, kWaitMs));
    const auto response = channel.receive(ipc::kPacketBytesMax, kWaitMs);
    return response ? std::string(as_text(*response)) : response.error().message();
  }
  void TearDown() override {
    init_.reset();
    agent_.reset();
    apps_.reset();
    if (server_.joinable()) server_.join();
  }
  std::optional<ipc::SeqpacketChannel> init_;
  std::optional<ipc::SeqpacketChannel> agent_;
  std::optional<ipc::SeqpacketChannel> apps_;
  std::thread server_;
  Status outcome_ = Error(kChannelBroken, "still serving");
};

TEST_F(ServerTest, EachClientIsKnownByItsSocket) {
  start();
  EXPECT_EQ(ask(*init_, as_bytes("x")), "ix");
  EXPECT_EQ(ask(*agent_, as_bytes("y")), "ay");
  EXPECT_EQ(ask(*agent_, as_bytes("z")), "az");
}

TEST_F(ServerTest, TheLauncherOfAppsIsTheThirdClient) {
  start_with_apps();
  EXPECT_EQ(ask(*apps_, as_bytes("x")), "px");
  EXPECT_EQ(ask(*agent_, as_bytes("y")), "ay");
  EXPECT_EQ(ask(*init_, as_bytes("z")), "iz");
}

TEST_F(ServerTest, RequestsThatCameTogetherAreAllAnswered) {
  start();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(agent_->send(as_bytes("x"), kWaitMs));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(agent_->receive(16, kWaitMs));
}

TEST_F(ServerTest, AnOverlongPacketIsAnsweredAndTheNextIsServed) {
  start();
  // Around our own sender, which refuses it too.
  const Bytes big(ipc::kPacketBytesMax + 1, std::byte{1});
  ASSERT_EQ(::send(agent_->fd(), big.data(), big.size(), 0), static_cast<ssize_t>(big.size()));
  EXPECT_EQ(as_text(*agent_->receive(64, kWaitMs)), "aPV-IPC-002");
  EXPECT_EQ(ask(*agent_, as_bytes("y")), "ay");
  EXPECT_EQ(ask(*agent_, Bytes(1000, std::byte{'b'})), "a" + std::string(1000, 'b'));
}

TEST_F(ServerTest, GoesOnWhenTheLauncherOfAppsGoes) {
  start_with_apps();
  EXPECT_EQ(ask(*apps_, as_bytes("x")), "px");
  apps_.reset();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(*agent_, as_bytes("y")), "ay");
  EXPECT_EQ(ask(*init_, as_bytes("z")), "iz");
  agent_.reset();
  server_.join();
  EXPECT_TRUE(outcome_);
}

// It fetches no answer: its socket fills, and the monitor gives up on it, not on the others.
TEST_F(ServerTest, ALauncherOfAppsThatDoesNotListenIsLeftAlone) {
  start_with_apps();
  const Bytes big(ipc::kPacketBytesMax - 1, std::byte{1});
  // Until no more goes in: then the server waits for its answers to be fetched.
  while (apps_->send(big, 100)) {
  }
  EXPECT_TRUE(agent_->send(as_bytes("y"), kWaitMs));
  const auto response = agent_->receive(ipc::kPacketBytesMax, 2 * kSendDeadlineMs + kWaitMs);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(as_text(*response), "ay");
}

TEST_F(ServerTest, EndsWhenTheAgentGoes) {
  start();
  agent_.reset();
  server_.join();
  EXPECT_TRUE(outcome_);
}

TEST_F(ServerTest, EndsWhenInitGoes) {
  start();
  init_.reset();
  server_.join();
  EXPECT_TRUE(outcome_);
}

}  // namespace
}  // namespace pavise::monitor
