// An app's names and its guard together, in the kernel and a network of its own: needs root. The
// child in the guarded group is the app; this test is the launcher and the network's name server.
#include <gtest/gtest.h>
#include <netdb.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <cstring>

#include "device/apps/egress/testing/guarded_group.h"
#include "device/apps/names/exchange.h"
#include "device/apps/names/name_service.h"
#include "device/apps/names/testing/fake_server.h"
#include "device/apps/powers/powers.h"

namespace pavise::device {
namespace {

using testing::FakeServer;
using testing::GuardedGroup;
using testing::readable;

constexpr std::uint8_t kApp = 1;
constexpr std::uint8_t kNeighbour = 2;
constexpr const char* kListed = "192.0.2.1";  // where hub.example.com lives
constexpr const char* kOther = "198.51.100.1";

sockaddr_in place(const std::string& host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  PAVISE_CHECK(::inet_pton(AF_INET, host.c_str(), &out.sin_addr) == 1);
  return out;
}

UniqueFd socket_of(int type) {
  UniqueFd out(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  PAVISE_CHECK(out.valid());
  return out;
}

// 0 or the error.
int connect_to(const UniqueFd& socket, const sockaddr_in& at) {
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 ? 0
                                                                                         : errno;
}
int reach(const std::string& host, std::uint16_t port, int type = SOCK_STREAM) {
  return connect_to(socket_of(type), place(host, port));
}

// As the app's C library would: the outcome of the name service, or 100 + the error of connecting.
int resolve(const std::string& name, int type = SOCK_DGRAM, const char* at = "127.0.53.1") {
  const UniqueFd socket = socket_of(type);
  if (const int error = connect_to(socket, place(at, 53))) return 100 + error;
  const Bytes query = dns::encode_query(1, {name, dns::kTypeA});
  Bytes reply(dns::kDatagramBytesMax);
  if (type == SOCK_STREAM) {
    testing::write_message(socket, query);
    reply = testing::read_message(socket);
  } else if (::send(socket.get(), query.data(), query.size(), 0) < 0 || !readable(socket.get()) ||
             ::recv(socket.get(), reply.data(), reply.size(), 0) < 0) {
    return 100;
  }
  return reply.size() < 4 ? 100 : std::to_integer<int>(reply[3] & std::byte{0x0f});
}

class NamesAndGuard : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() == 0) testing::enter_own_network({kListed, kOther});
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to load the guard's programs";
    ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    server_.emplace();
    // On every address, the loopback as well.
    service_ = socket_of(SOCK_STREAM);
    const sockaddr_in any = place("0.0.0.0", 0);
    ASSERT_EQ(::bind(service_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    ASSERT_EQ(::listen(service_.get(), 16), 0);
    port_ = ntohs(testing::place_of(service_).sin_port);
    group_.emplace();
    auto guard = EgressGuard::attach(group_->folder());
    ASSERT_TRUE(guard) << guard.error().message();
    guard_.emplace(std::move(*guard));
    for (const int type : {SOCK_DGRAM, SOCK_STREAM})
      ASSERT_TRUE(guard_->pin(resolver_address(kApp), type, 53, std::nullopt));
    auto names = NameService::start(
        {.program = PAVISE_NAMES_PROGRAM, .user = 54324, .upstream = server_->text()});
    ASSERT_TRUE(names) << names.error().message();
    names_.emplace(std::move(*names));
    for (const std::uint8_t app : {kApp, kNeighbour}) {
      auto sockets = bind_resolver(app);
      ASSERT_TRUE(sockets) << sockets.error().message();
      ASSERT_TRUE(names_->add_app(app, std::move(*sockets),
                                  {{"hub.example.com", false, SOCK_STREAM, port_}}));
    }
  }

  // What the app answers that does this.
  int inside(const std::function<int()>& act) {
    const pid_t app = group_->start(act);
    const UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, app, 0)));
    while (!readable(end.get(), 0)) {
      std::array<pollfd, 3> polled{{{end.get(), POLLIN, 0},
                                    {names_->descriptor(), POLLIN, 0},
                                    {server_->datagrams(), POLLIN, 0}}};
      if (::poll(polled.data(), polled.size(), testing::kTestWaitMs) <= 0) break;
      if (polled[2].revents != 0) serve();
      for (const PinRequest& request : names_->take().pins) {
        bool done = true;
        for (const NamePin& pin : request.pins)
          done = guard_->pin(pin.address, pin.socket_type, pin.port,
                             std::chrono::seconds(request.lifetime_s)) &&
                 done;
        names_->confirm(request, done);
      }
    }
    return GuardedGroup::end_of(app);
  }
  void serve() const {
    const auto asked = server_->receive();
    const auto query = dns::Query::parse(asked.message).value();
    std::vector<dns::Address> addresses;
    if (query.question.type == dns::kTypeA) addresses = {mapped(place(address_, 0))};
    server_->send(asked.from, dns::encode_reply(query, dns::Outcome::ok, addresses, 60));
  }

  std::string address_ = kListed;  // of every name
  std::optional<FakeServer> server_;
  UniqueFd service_;
  std::uint16_t port_ = 0;
  std::optional<GuardedGroup> group_;
  std::optional<EgressGuard> guard_;
  std::optional<NameService> names_;
};

TEST_F(NamesAndGuard, AnAppReachesWhatItsNamesMean) {
  EXPECT_EQ(inside([&] { return reach(kListed, port_); }), EPERM);
  // The very moment that it is told.
  EXPECT_EQ(inside([&] { return resolve("hub.example.com") + reach(kListed, port_); }), 0);
  EXPECT_EQ(inside([&] { return reach(kOther, port_); }), EPERM);
  EXPECT_EQ(inside([&] { return reach(kListed, static_cast<std::uint16_t>(port_ + 1)); }), EPERM);
  EXPECT_EQ(inside([&] { return reach(kListed, port_, SOCK_DGRAM); }), EPERM);
}

TEST_F(NamesAndGuard, OverTcpAsWell) {
  EXPECT_EQ(inside([&] { return resolve("hub.example.com", SOCK_STREAM) + reach(kListed, port_); }),
            0);
}

// The resolver of the GNU C library, which asks for both kinds of addresses at once.
TEST_F(NamesAndGuard, TheCLibraryFindsItsWay) {
  if (::access("/etc/resolv.conf", F_OK) != 0)
    GTEST_SKIP() << "no /etc/resolv.conf to stand in for";
  char path[] = "/tmp/pavise-resolv-XXXXXX";
  const UniqueFd file(::mkstemp(path));
  const std::string text = resolver_text(kApp);
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ASSERT_EQ(::mount(path, "/etc/resolv.conf", nullptr, MS_BIND, nullptr), 0)
      << std::strerror(errno);
  const auto connect_by_name = [this](const char* name) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(name, std::to_string(port_).c_str(), &wanted, &found) != 0) return 200;
    const UniqueFd socket = socket_of(SOCK_STREAM);
    const int error = ::connect(socket.get(), found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    ::freeaddrinfo(found);
    return error;
  };
  EXPECT_EQ(inside([&] { return connect_by_name("hub.example.com"); }), 0);
  EXPECT_EQ(inside([&] { return connect_by_name("evil.example.com"); }), 200);
  EXPECT_EQ(::umount2("/etc/resolv.conf", MNT_DETACH), 0);
  ::unlink(path);
}

TEST_F(NamesAndGuard, TricksWithNamesOpenNothing) {
  EXPECT_EQ(inside([] { return resolve("evil.example.com"); }), 5);
  EXPECT_EQ(inside([&] { return reach(kListed, port_); }), EPERM);
  address_ = "127.0.0.1";
  EXPECT_EQ(inside([] { return resolve("hub.example.com"); }), 5);
  EXPECT_EQ(inside([&] { return reach("127.0.0.1", port_); }), EPERM);
  // Who answers other names: the network's server, and the neighbour's resolver.
  const std::uint16_t upstream = ntohs(server_->place().sin_port);
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    EXPECT_EQ(inside([&] { return reach("127.0.0.1", upstream, type); }), EPERM);
    EXPECT_EQ(inside([&] { return reach("127.0.53.2", 53, type); }), EPERM);
  }
}

// What the real launcher keeps is enough to bind, to start and to start again.
TEST_F(NamesAndGuard, TheLaunchersPowersAreEnough) {
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    const auto powers = apps_launcher_policy();
    if (!powers || !sandbox::apply(*powers)) ::_exit(100);
    auto names = NameService::start(
        {.program = PAVISE_NAMES_PROGRAM, .user = 54325, .upstream = server_->text()});
    auto sockets = bind_resolver(3);
    if (!names || !sockets) ::_exit(101);
    if (!names->add_app(3, std::move(*sockets), {{"hub.example.com", false, SOCK_STREAM, 1}}))
      ::_exit(102);
    const int first = resolve("evil.example.com", SOCK_DGRAM, "127.0.53.3");
    if (!names->restart()) ::_exit(103);
    ::_exit(first * 10 + resolve("evil.example.com", SOCK_STREAM, "127.0.53.3"));
  }
  EXPECT_EQ(GuardedGroup::end_of(launcher), 55);
}

}  // namespace
}  // namespace pavise::device
