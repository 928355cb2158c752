#include "device/agent/monitor_channel.h"

#include <gtest/gtest.h>

#include <thread>

#include "device/agent/errors.h"

namespace pavise::agent {
namespace {

// A monitor that answers one packet by `reply`, on its own thread.
class OneAnswer {
 public:
  OneAnswer(const ipc::SeqpacketChannel& channel, SecretBytes reply)
      : thread_([&channel, reply = std::move(reply), this] {
          auto packet = channel.receive(monitor_ipc::kMessageBytesMax, 5000);
          if (!packet) return;
          request = *std::move(packet);
          (void)channel.send(reply.view()).has_value();
        }) {}
  ~OneAnswer() { thread_.join(); }
  Bytes request;

 private:
  std::thread thread_;
};

TEST(MonitorChannel, AsksAndReadsTheAnswer) {
  auto pair = ipc::make_pair();
  ASSERT_TRUE(pair);
  MonitorChannel monitor(std::move(pair->first));
  {
    OneAnswer answer(pair->second, monitor_ipc::encode(monitor_ipc::StatusResult{2048, 17, 3}));
    EXPECT_EQ(monitor.monitor_pss_kib(), 2048);
  }
  {
    OneAnswer answer(pair->second, monitor_ipc::encode(monitor_ipc::StatusResult{2048, 17, 3}));
    EXPECT_EQ(monitor.measured_apps(), 3U);
  }
  Digest256 digest;
  digest.fill(std::byte{3});
  {
    OneAnswer answer(pair->second, monitor_ipc::encode(monitor_ipc::SignTlsResult{Bytes(70)}));
    auto signature = monitor.sign_tls(digest);
    ASSERT_TRUE(signature) << signature.error().message();
    EXPECT_EQ(signature->size(), 70U);
  }
  EXPECT_FALSE(monitor.gone());
}

TEST(MonitorChannel, ARefusalIsAnErrorButNoEnd) {
  static constexpr ErrorInfo kBusy{"PV-TST-002", Retry::later, "the TPM is busy", ""};
  auto pair = ipc::make_pair();
  MonitorChannel monitor(std::move(pair->first));
  OneAnswer answer(pair->second, monitor_ipc::encode_refusal(Error(kBusy)));
  auto secret = monitor.activate(Bytes(1), Bytes(1));
  ASSERT_FALSE(secret);
  EXPECT_TRUE(secret.error().is(kMonitorAnswer));
  EXPECT_NE(secret.error().detail().find("PV-TST-002"), std::string::npos);
  EXPECT_FALSE(monitor.gone());
}

TEST(MonitorChannel, AnAnswerToAnotherQuestionIsRefused) {
  auto pair = ipc::make_pair();
  MonitorChannel monitor(std::move(pair->first));
  OneAnswer answer(pair->second, monitor_ipc::encode(monitor_ipc::StatusResult{1, 2, 0}));
  EXPECT_FALSE(monitor.identity());
}

TEST(MonitorChannel, ALostOrSilentMonitorIsGoneForGood) {
  {
    auto pair = ipc::make_pair();
    MonitorChannel monitor(std::move(pair->first));
    {
      const ipc::SeqpacketChannel closed = std::move(pair->second);
    }
    EXPECT_FALSE(monitor.identity());
    EXPECT_TRUE(monitor.gone());
  }
  auto pair = ipc::make_pair();
  MonitorChannel monitor(std::move(pair->first), 10);
  EXPECT_FALSE(monitor.attest({}, {}, {}, {0}));
  EXPECT_TRUE(monitor.gone());
  OneAnswer late(pair->second, monitor_ipc::encode(monitor_ipc::StatusResult{1, 2, 0}));
  EXPECT_FALSE(monitor.status());
}

}  // namespace
}  // namespace pavise::agent
