// Real programs in the real kernel, in a network namespace of its own: needs root. What has to fail
// is tried by a child in the guarded control group.
#include "device/apps/egress/egress_guard.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "device/apps/egress/testing/guarded_group.h"
#include "device/apps/egress/testing/network_text.h"

namespace pavise::device {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kNear = "192.0.2.1";    // an address of this machine, not of the loopback
constexpr const char* kFar = "198.51.100.1";  // another one
constexpr const char* kSix = "2001:db8::1";   // and one of IPv6

AddressBytes address(const char* text) {
  return network_of(text).address;
}

// The network of this program: the loopback with a few addresses more.
void bring_up_network() {
  testing::enter_own_network({kNear, kFar});
  const UniqueFd control6(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  struct {
    in6_addr address;
    std::uint32_t prefix;
    int interface;
  } six{.address = {}, .prefix = 128, .interface = 1};
  ::inet_pton(AF_INET6, kSix, &six.address);
  ASSERT_EQ(::ioctl(control6.get(), SIOCSIFADDR, &six), 0) << std::strerror(errno);
}

struct Place {
  sockaddr_storage storage{};
  socklen_t size = 0;

  Place(const char* text, std::uint16_t port) {
    if (std::strchr(text, ':') == nullptr) {
      auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      ::inet_pton(AF_INET, text, &v4->sin_addr);
      size = sizeof *v4;
    } else {
      auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      ::inet_pton(AF_INET6, text, &v6->sin6_addr);
      size = sizeof *v6;
    }
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

UniqueFd socket_of(int family, int type) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  PAVISE_CHECK(fd.valid());
  return fd;
}

UniqueFd bound(const Place& place, int type) {
  UniqueFd fd = socket_of(place.family(), type);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  EXPECT_EQ(::bind(fd.get(), place.get(), place.size), 0) << std::strerror(errno);
  return fd;
}

std::uint16_t port_of(const UniqueFd& fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &size), 0);
  return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);  // IPv6 has it there, too
}

int error_of(long result) {
  return result < 0 ? errno : 0;
}

int connect_to(const char* text, std::uint16_t port, int type = SOCK_STREAM) {
  const Place place(text, port);
  const UniqueFd fd(::socket(place.family(), type | SOCK_CLOEXEC, 0));
  if (!fd) return errno;
  return error_of(::connect(fd.get(), place.get(), place.size));
}

int send_to(const char* text, std::uint16_t port, int type, int flags) {
  const Place place(text, port);
  const UniqueFd fd = socket_of(place.family(), type);
  return error_of(::sendto(fd.get(), "x", 1, flags, place.get(), place.size));
}

class EgressGuardTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    bring_up_network();
  }

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to load the guard's programs";
    group_.emplace();
    auto guard = EgressGuard::attach(group_->folder());
    ASSERT_TRUE(guard) << guard.error().message();
    guard_.emplace(std::move(*guard));
    server_ = bound({kNear, 0}, SOCK_STREAM);
    ASSERT_EQ(::listen(server_.get(), 8), 0);
    port_ = port_of(server_);
  }

  // What `act` answers in a child that is in the guarded group.
  int inside(const std::function<int()>& act) const {
    return testing::GuardedGroup::end_of(group_->start(act));
  }
  int inside_connect(const char* text, std::uint16_t port, int type = SOCK_STREAM) const {
    return inside([&] { return connect_to(text, port, type); });
  }
  void allow(const char* network, std::uint16_t port = 0) {
    const Status done = guard_->allow(Peers{network_of(network), SOCK_STREAM, port});
    ASSERT_TRUE(done) << done.error().message();
  }

  std::optional<testing::GuardedGroup> group_;
  std::optional<EgressGuard> guard_;
  UniqueFd server_;
  std::uint16_t port_ = 0;
};

TEST_F(EgressGuardTest, ReachesNothingUnlessToldOtherwise) {
  EXPECT_EQ(connect_to(kNear, port_), 0);  // we are not in the group
  EXPECT_EQ(inside_connect(kNear, port_), EPERM);
  EXPECT_EQ(inside_connect("127.0.0.1", port_), EPERM);
  EXPECT_EQ(inside_connect(kSix, port_), EPERM);
  EXPECT_EQ(inside_connect("::ffff:192.0.2.1", port_), EPERM);
  EXPECT_EQ(inside_connect("0.0.0.0", port_), EPERM);
  EXPECT_EQ(inside_connect(kNear, 53, SOCK_DGRAM), EPERM);
  EXPECT_EQ(inside([&] { return send_to(kNear, 53, SOCK_DGRAM, 0); }), EPERM);
  EXPECT_EQ(inside([&] { return send_to(kSix, 53, SOCK_DGRAM, 0); }), EPERM);
}

TEST_F(EgressGuardTest, SendingWithTheFirstPacketIsAConnect) {
  EXPECT_EQ(inside([&] { return send_to(kNear, port_, SOCK_STREAM, MSG_FASTOPEN); }), EPERM);
}

// "Go to kFar first": the address that was judged would be the last stop only.
std::array<std::uint8_t, 8> source_route() {
  std::array<std::uint8_t, 8> out{131, 7, 4, 0, 0, 0, 0, 0};  // RFC 791: loose source and record
  ::inet_pton(AF_INET, kFar, out.data() + 3);
  return out;
}

int send_by_route_of_socket() {
  const UniqueFd fd = socket_of(AF_INET, SOCK_DGRAM);
  const auto route = source_route();
  if (::setsockopt(fd.get(), IPPROTO_IP, IP_OPTIONS, route.data(), route.size()) != 0) return -1;
  const Place place(kNear, 5353);
  return error_of(::sendto(fd.get(), "x", 1, 0, place.get(), place.size));
}

int send_with_control(const Place& place, int level, int kind, std::span<const std::uint8_t> data) {
  const UniqueFd fd = socket_of(place.family(), SOCK_DGRAM);
  alignas(cmsghdr) std::array<char, 64> control{};
  iovec part{const_cast<char*>("x"), 1};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(place.get());
  message.msg_namelen = place.size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(data.size());
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = kind;
  header->cmsg_len = CMSG_LEN(data.size());
  std::memcpy(CMSG_DATA(header), data.data(), data.size());
  return error_of(::sendmsg(fd.get(), &message, 0));
}

TEST_F(EgressGuardTest, NoSourceRouteLeadsPastAListedPeer) {
  ASSERT_TRUE(guard_->allow(Peers{network_of(kNear), SOCK_DGRAM}));
  ASSERT_TRUE(guard_->allow(Peers{network_of(kSix), SOCK_DGRAM}));
  EXPECT_EQ(inside([] { return send_to(kNear, 5353, SOCK_DGRAM, 0); }), 0);
  EXPECT_EQ(inside([] { return send_to(kSix, 5353, SOCK_DGRAM, 0); }), 0);
  const auto route = source_route();
  const std::array<std::uint8_t, 8> padding{0, 0, 1, 4, 0, 0, 0, 0};  // a header of options
  const auto by_socket = [] { return send_by_route_of_socket(); };
  const auto by_message = [&] {
    return send_with_control({kNear, 5353}, IPPROTO_IP, IP_RETOPTS, route);
  };
  const auto by_six = [&] {
    return send_with_control({kSix, 5353}, IPPROTO_IPV6, IPV6_DSTOPTS, padding);
  };
  // Others may.
  EXPECT_EQ(by_socket(), 0);
  EXPECT_EQ(by_message(), 0);
  EXPECT_EQ(by_six(), 0);
  EXPECT_EQ(inside(by_socket), EPERM);
  EXPECT_EQ(inside(by_message), EPERM);
  EXPECT_EQ(inside(by_six), EPERM);
}

TEST_F(EgressGuardTest, ANetworkIsReachedAndItsNeighbourIsNot) {
  allow("192.0.2.0/24");
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  EXPECT_EQ(inside_connect("::ffff:192.0.2.1", port_), 0);
  EXPECT_EQ(inside_connect(kFar, port_), EPERM);
}

TEST_F(EgressGuardTest, AnAddressIsReachedOnItsPortOnly) {
  allow(kNear, port_);
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  EXPECT_EQ(inside_connect(kNear, static_cast<std::uint16_t>(port_ + 1)), EPERM);
}

TEST_F(EgressGuardTest, WhatIsListedForTcpIsNotForUdp) {
  allow(kNear);
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  EXPECT_EQ(inside_connect(kNear, port_, SOCK_DGRAM), EPERM);
  ASSERT_TRUE(guard_->allow(Peers{network_of(kFar), SOCK_DGRAM}));
  EXPECT_EQ(inside_connect(kFar, 53, SOCK_DGRAM), 0);
  EXPECT_EQ(inside_connect(kFar, port_), EPERM);
}

TEST_F(EgressGuardTest, SixIsReachedBySix) {
  const UniqueFd server = bound({kSix, 0}, SOCK_STREAM);
  ASSERT_EQ(::listen(server.get(), 8), 0);
  allow("2001:db8::/32");
  EXPECT_EQ(inside_connect(kSix, port_of(server)), 0);
  EXPECT_EQ(inside_connect(kNear, port_), EPERM);
}

TEST_F(EgressGuardTest, TheWholeInternetDoesNotHaveTheLoopback) {
  const UniqueFd local = bound({"127.0.0.1", 0}, SOCK_STREAM);
  ASSERT_EQ(::listen(local.get(), 8), 0);
  const UniqueFd local6 = bound({"::1", 0}, SOCK_STREAM);
  ASSERT_EQ(::listen(local6.get(), 8), 0);
  allow("0.0.0.0/0");
  allow("::/0");
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  EXPECT_EQ(inside_connect("127.0.0.1", port_of(local)), EPERM);
  EXPECT_EQ(inside_connect("0.0.0.0", port_of(local)), EPERM);
  EXPECT_EQ(inside_connect("::1", port_of(local6)), EPERM);
  EXPECT_EQ(inside_connect("::", port_of(local6)), EPERM);
  EXPECT_EQ(inside_connect("::ffff:127.0.0.1", port_of(local)), EPERM);
  ASSERT_TRUE(guard_->pin(address("127.0.0.1"), SOCK_STREAM, port_of(local), std::nullopt));
  EXPECT_EQ(inside_connect("127.0.0.1", port_of(local)), 0);
}

TEST_F(EgressGuardTest, APinEnds) {
  ASSERT_TRUE(guard_->pin(address(kNear), SOCK_STREAM, 0, hours(1)));
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  ASSERT_TRUE(guard_->pin(address(kNear), SOCK_STREAM, 0, nanoseconds(0)));
  EXPECT_EQ(inside_connect(kNear, port_), EPERM);
  ASSERT_TRUE(guard_->pin(address(kNear), SOCK_STREAM, port_, hours(1)));
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  ASSERT_TRUE(guard_->unpin(address(kNear), SOCK_STREAM, port_));
  EXPECT_EQ(inside_connect(kNear, port_), EPERM);
}

TEST_F(EgressGuardTest, AnExpiredPinDoesNotCloseItsNetwork) {
  allow("192.0.2.0/24");
  ASSERT_TRUE(guard_->pin(address(kNear), SOCK_STREAM, 0, nanoseconds(0)));
  EXPECT_EQ(inside_connect(kNear, port_), 0);
}

TEST_F(EgressGuardTest, PinsHaveTheirNumberAndExpiredOnesMakeRoom) {
  AddressBytes one = address("203.0.113.0");
  const auto number = [&](unsigned i) {
    one[14] = static_cast<std::uint8_t>(i >> 8U);
    one[15] = static_cast<std::uint8_t>(i);
    return one;
  };
  for (unsigned i = 0; i < kPinnedPeersMax; ++i)
    ASSERT_TRUE(
        guard_->pin(number(i), SOCK_STREAM, 443, i == 7 ? nanoseconds(0) : nanoseconds(hours(1))))
        << i;
  EXPECT_TRUE(guard_->pin(number(kPinnedPeersMax), SOCK_STREAM, 443,
                          hours(1)));  // in the place of number 7
  const Status full = guard_->pin(number(kPinnedPeersMax + 1), SOCK_STREAM, 443, hours(1));
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error().is(kGuardTableFull)) << full.error().message();
}

TEST_F(EgressGuardTest, NetworksAndPortsHaveTheirNumber) {
  Peers peers{network_of(kNear), SOCK_STREAM};
  for (std::uint32_t i = 0; i < kNetworksMax; ++i) {
    peers.port = static_cast<std::uint16_t>(i + 1);
    ASSERT_TRUE(guard_->allow(peers));
  }
  peers.port = kNetworksMax + 1;
  EXPECT_TRUE(guard_->allow(peers).error().is(kGuardTableFull));
  for (std::uint32_t i = 0; i < kPortsMax; ++i)
    ASSERT_TRUE(guard_->allow(ListeningPort{SOCK_STREAM, static_cast<std::uint16_t>(i + 1)}));
  EXPECT_TRUE(guard_->allow(ListeningPort{SOCK_STREAM, 4000}).error().is(kGuardTableFull));
}

TEST_F(EgressGuardTest, OnlyTcpAndUdp) {
  const auto opens = [](int family, int type, int protocol) {
    return [=] { return error_of(UniqueFd(::socket(family, type, protocol)).get()); };
  };
  EXPECT_EQ(inside(opens(AF_INET, SOCK_STREAM, 0)), 0);
  EXPECT_EQ(inside(opens(AF_INET6, SOCK_DGRAM, 0)), 0);
  EXPECT_EQ(inside(opens(AF_INET, SOCK_RAW, IPPROTO_ICMP)), EPERM);
  EXPECT_EQ(inside(opens(AF_INET6, SOCK_RAW, IPPROTO_TCP)), EPERM);
  EXPECT_NE(inside(opens(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)), 0);
  EXPECT_NE(inside(opens(AF_INET, SOCK_STREAM, 262)), 0);  // MPTCP
}

TEST_F(EgressGuardTest, BindsDeclaredPortsOnly) {
  ASSERT_TRUE(guard_->allow(ListeningPort{SOCK_STREAM, 8080}));
  ASSERT_TRUE(guard_->allow(ListeningPort{SOCK_DGRAM, 5353}));
  const auto binds = [](const char* where, std::uint16_t port, int type) {
    return [=] {
      const Place place(where, port);
      const UniqueFd fd = socket_of(place.family(), type);
      return error_of(::bind(fd.get(), place.get(), place.size));
    };
  };
  EXPECT_EQ(inside(binds("0.0.0.0", 8080, SOCK_STREAM)), 0);
  EXPECT_EQ(inside(binds("::", 8080, SOCK_STREAM)), 0);
  EXPECT_EQ(inside(binds("0.0.0.0", 8081, SOCK_STREAM)), EPERM);
  EXPECT_EQ(inside(binds("0.0.0.0", 5353, SOCK_STREAM)), EPERM);
  EXPECT_EQ(inside(binds("0.0.0.0", 0, SOCK_STREAM)), EPERM);
  EXPECT_EQ(inside(binds("::", 8081, SOCK_STREAM)), EPERM);
  EXPECT_EQ(inside(binds("0.0.0.0", 5353, SOCK_DGRAM)), 0);
  EXPECT_EQ(inside(binds("0.0.0.0", 8080, SOCK_DGRAM)), EPERM);
  EXPECT_EQ(inside(binds("0.0.0.0", 0, SOCK_DGRAM)), 0);
  std::map<std::pair<int, int>, std::uint64_t> refused;
  for (const RefusedPeer& peer : guard_->take_refused()) {
    EXPECT_TRUE(peer.listening);
    refused[{peer.socket_type, peer.port}] = peer.attempts;
  }
  EXPECT_EQ(refused, (std::map<std::pair<int, int>, std::uint64_t>{{{SOCK_STREAM, 8081}, 2},
                                                                   {{SOCK_STREAM, 5353}, 1},
                                                                   {{SOCK_STREAM, 0}, 1},
                                                                   {{SOCK_DGRAM, 8080}, 1}}));
}

// A child in the group that says its port and then waits for one byte of news.
class Listener {
 public:
  Listener(const std::filesystem::path& group, int type, std::uint16_t bind_to) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = UniqueFd(ends[0]);
    UniqueFd theirs(ends[1]);
    child_ = ::fork();
    if (child_ == 0) live(group, type, bind_to, theirs.get());
    theirs = UniqueFd();
    EXPECT_EQ(::recv(ours_.get(), &port_, sizeof port_, 0), static_cast<ssize_t>(sizeof port_));
  }
  ~Listener() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }
  char hears() const {  // blocks
    char what = 0;
    EXPECT_EQ(::recv(ours_.get(), &what, 1, 0), 1);
    return what;
  }
  bool hears_nothing() const {
    char what = 0;
    return ::recv(ours_.get(), &what, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

 private:
  [[noreturn]] static void live(const std::filesystem::path& group, int type, std::uint16_t bind_to,
                                int news) {
    std::ofstream(group / "cgroup.procs") << "0" << std::flush;
    const Place place("0.0.0.0", bind_to);
    const UniqueFd fd = socket_of(AF_INET, type);
    if (bind_to != 0 || type == SOCK_DGRAM)
      PAVISE_CHECK(::bind(fd.get(), place.get(), place.size) == 0);
    // Without bind the kernel chooses a port.
    if (type == SOCK_STREAM) PAVISE_CHECK(::listen(fd.get(), 4) == 0);
    const std::uint16_t port = port_of(fd);
    (void)!::send(news, &port, sizeof port, 0);
    while (true) {
      char what = 'c';
      if (type == SOCK_STREAM)
        (void)UniqueFd(::accept(fd.get(), nullptr, nullptr)).get();
      else if (::recv(fd.get(), &what, 1, 0) < 0)
        ::_exit(1);
      (void)!::send(news, &what, 1, 0);
    }
  }

  UniqueFd ours_;
  pid_t child_ = -1;
  std::uint16_t port_ = 0;
};

int connect_for_a_moment(std::uint16_t port) {
  const Place place(kNear, port);
  const UniqueFd fd = socket_of(AF_INET, SOCK_STREAM);
  // A dropped opening is repeated after a second; this gives up before.
  const timeval patience{.tv_sec = 0, .tv_usec = 300'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return error_of(::connect(fd.get(), place.get(), place.size));
}

TEST_F(EgressGuardTest, IsReachedOnDeclaredPortsOnly) {
  ASSERT_TRUE(guard_->allow(ListeningPort{SOCK_STREAM, 8080}));
  const Listener declared(group_->path(), SOCK_STREAM, 8080);
  EXPECT_EQ(connect_to(kNear, declared.port()), 0);
  EXPECT_EQ(declared.hears(), 'c');
  const Listener chosen_by_the_kernel(group_->path(), SOCK_STREAM, 0);
  ASSERT_NE(chosen_by_the_kernel.port(), 0);
  EXPECT_EQ(connect_for_a_moment(chosen_by_the_kernel.port()), EINPROGRESS);
  EXPECT_TRUE(chosen_by_the_kernel.hears_nothing());
}

TEST_F(EgressGuardTest, DatagramsOfStrangersDoNotArrive) {
  const Listener client(group_->path(), SOCK_DGRAM, 0);
  const UniqueFd stranger = bound({kFar, 0}, SOCK_DGRAM);
  const UniqueFd peer = bound({kNear, 0}, SOCK_DGRAM);
  ASSERT_TRUE(guard_->pin(address(kNear), SOCK_DGRAM, port_of(peer), hours(1)));
  const Place place(kNear, client.port());
  EXPECT_EQ(::sendto(stranger.get(), "s", 1, 0, place.get(), place.size), 1);
  EXPECT_EQ(::sendto(peer.get(), "p", 1, 0, place.get(), place.size), 1);
  EXPECT_EQ(client.hears(), 'p');  // on one machine datagrams arrive in their order
}

TEST_F(EgressGuardTest, TheAnswersOfAnAllowedPeerArrive) {
  allow("192.0.2.0/24");
  EXPECT_EQ(inside([&] {
              const Place place(kNear, port_);
              const UniqueFd fd = socket_of(AF_INET, SOCK_STREAM);
              if (::connect(fd.get(), place.get(), place.size) != 0) return errno;
              return error_of(::send(fd.get(), "question", 8, 0));
            }),
            0);
  const UniqueFd accepted(::accept(server_.get(), nullptr, nullptr));
  std::array<char, 8> text{};
  EXPECT_EQ(::recv(accepted.get(), text.data(), text.size(), MSG_WAITALL), 8);
}

TEST_F(EgressGuardTest, TellsWhatWasRefused) {
  EXPECT_THAT(guard_->take_refused(), IsEmpty());
  EXPECT_EQ(inside_connect("198.51.100.7", 443), EPERM);
  EXPECT_EQ(inside_connect("198.51.100.7", 443), EPERM);
  const auto refused = guard_->take_refused();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].address, address("198.51.100.7"));
  EXPECT_EQ(refused[0].port, 443);
  EXPECT_EQ(refused[0].socket_type, SOCK_STREAM);
  EXPECT_EQ(refused[0].attempts, 2U);
  EXPECT_THAT(guard_->take_refused(), IsEmpty());
}

TEST_F(EgressGuardTest, ManyRefusedPeersDoNotGrowIt) {
  inside([] {
    for (std::uint16_t port = 1; port <= 4 * kRefusedPeersMax; ++port) connect_to(kFar, port);
    return 0;
  });
  const auto refused = guard_->take_refused();
  EXPECT_LE(refused.size(), kRefusedPeersMax);
  EXPECT_GT(refused.size(), 0U);
}

TEST_F(EgressGuardTest, StandsWithoutItsMaker) {
  allow(kNear);
  guard_.reset();
  EXPECT_EQ(inside_connect(kNear, port_), 0);
  EXPECT_EQ(inside_connect(kFar, port_), EPERM);
}

}  // namespace
}  // namespace pavise::device
