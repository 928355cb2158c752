#include "device/init/monitor_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::device {
namespace {

// The monitor's answer waits in the socket before init asks: no thread is needed.
class MonitorLink : public testing::Test {
 protected:
  MonitorLink() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_.data()), 0);
  }
  ~MonitorLink() override {
    for (const int fd : ends_)
      if (fd >= 0) ::close(fd);
  }
  void answer(ByteView packet) {
    ASSERT_EQ(::send(ends_[1], packet.data(), packet.size(), 0),
              static_cast<ssize_t>(packet.size()));
  }
  Result<monitor_ipc::Request> request() {
    Bytes packet(8192);
    const ssize_t size = ::recv(ends_[1], packet.data(), packet.size(), 0);
    return monitor_ipc::parse_request(ByteView(packet).first(static_cast<std::size_t>(size)));
  }
  std::array<int, 2> ends_{-1, -1};
};

TEST_F(MonitorLink, BlobAndEpochGoOutKeyComesBack) {
  const Bytes blob(10, std::byte{7});
  answer(monitor_ipc::encode(
             monitor_ipc::OpenDataResult{.key = SecretBytes(monitor_ipc::kDataKeyBytes),
                                         .blob = Bytes(20, std::byte{8}),
                                         .blob_is_new = true})
             .view());
  const auto key = ask_open_data(ends_[0], blob, 3);
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key->key.size(), monitor_ipc::kDataKeyBytes);
  EXPECT_EQ(key->blob.size(), 20U);
  EXPECT_TRUE(key->blob_is_new);
  const auto sent = request();
  ASSERT_TRUE(sent);
  const auto* open = std::get_if<monitor_ipc::OpenData>(&*sent);
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->blob, blob);
  EXPECT_EQ(open->epoch, 3U);
}

TEST_F(MonitorLink, RefusalCarriesTheMonitorsReason) {
  answer(monitor_ipc::encode_refusal(Error(kDataHeaderBroken, "because")).view());
  const auto key = ask_open_data(ends_[0], {}, 1);
  ASSERT_FALSE(key);
  EXPECT_TRUE(key.error().is(kDataRefused));
  EXPECT_NE(key.error().detail().find(kDataHeaderBroken.code), std::string::npos);
}

TEST_F(MonitorLink, BentTooLongAndMissingAnswersAreErrors) {
  answer(as_bytes("nonsense"));
  EXPECT_FALSE(ask_open_data(ends_[0], {}, 1));
  answer(Bytes(2 * kSealedBlobBytesMax + 1));
  const auto too_long = ask_open_data(ends_[0], {}, 1);
  ASSERT_FALSE(too_long);
  EXPECT_TRUE(too_long.error().is(kMonitorSilent));
  ::close(ends_[1]);
  ends_[1] = -1;
  const auto gone = ask_open_data(ends_[0], {}, 1);
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().is(kMonitorSilent));
}

}  // namespace
}  // namespace pavise::device
