#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {

namespace {

// For a second. Has the first update that it hears of wait for some.
void look_for_update() {
  pollfd polled{kLauncher, POLLIN, 0};
  if (::poll(&polled, 1, 1000) <= 0) return;
  static bool waited = false;
  unsigned char packet[64];
  const ssize_t size = ::recv(kLauncher, packet, sizeof packet, MSG_DONTWAIT);
  constexpr unsigned char kUpdateWaits = 132;
  if (size < 3 || packet[0] != kUpdateWaits) return;
  std::printf("update to %.*s\n", packet[1], packet + 3);
  constexpr char kDefer[] = "\x04\x01\x00\x00\x00\x70\x17\x00\x00";  // 6 s
  if (!waited) (void)!::send(kLauncher, kDefer, sizeof kDefer - 1, 0);
  waited = true;
}

// One packet of the launcher and the two descriptors that may come with it.
struct Heard {
  unsigned char bytes[64] = {};
  ssize_t size = 0;
  int ends[2] = {-1, -1};
};

Heard hear() {
  Heard out;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof out.ends)] = {};
  iovec part{out.bytes, sizeof out.bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  out.size = ::recvmsg(kLauncher, &message, 0);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (out.size > 0 && header != nullptr && header->cmsg_len == CMSG_LEN(sizeof out.ends))
    std::memcpy(out.ends, CMSG_DATA(header), sizeof out.ends);
  return out;
}

// 0 and the connection, or what the launcher answered.
int ask_for(const char* peer, int (&ends)[2]) {
  const auto size = static_cast<unsigned char>(std::strlen(peer));
  std::string packet("\x02\x01\x00\x00\x00", 5);
  packet += static_cast<char>(size);
  packet += '\0';
  packet += peer;
  constexpr int kNotRunning = 4;
  while (true) {
    if (::send(kLauncher, packet.data(), packet.size(), 0) < 0) return 1000 + errno;
    const Heard heard = hear();
    if (heard.size <= 0) return 2000;
    std::memcpy(ends, heard.ends, sizeof ends);
    if (heard.ends[0] >= 0) return 0;
    if (heard.bytes[5] != kNotRunning) return heard.bytes[5];
    ::sleep(1);
  }
}

// The next message, up to the end of a line.
std::string read_message(int end) {
  char text[64] = {};
  pollfd polled{end, POLLIN, 0};
  (void)::poll(&polled, 1, -1);
  return ::read(end, text, sizeof text - 1) < 0 ? "nothing" : text;
}

}  // namespace

// A good one: keeps a file and says every second that it lives.
int beat(const char* path) {
  std::printf("kept file: %d\n", outcome(::access(path, F_OK)));
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ::write(fd, "secret", 6) != 6) return errno;
  for (int count = 0;; ++count) {
    std::printf("beat %d\n", count);
    std::fflush(stdout);
    const char well = 1;
    if (::write(kLauncher, &well, 1) != 1) return errno;
    look_for_update();
  }
}

// A word to the launcher with a descriptor of ours beside it: who closes it?
int pass_descriptor() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return errno;
  return send_descriptors(kLauncher, {ends[0]});
}

// Messages that the agent refuses, as many as it takes.
int flood_hub() {
  const std::string properties = "pavise-app=other";
  int underway = 0;
  for (uint32_t id = 1;; ++id) {
    std::string packet = "\1";
    for (unsigned shift = 0; shift < 32; shift += 8) packet += static_cast<char>(id >> shift);
    packet += std::string("\0\0", 2) + static_cast<char>(properties.size()) + '\0' + properties +
              std::string("\0\0", 2);
    if (::send(kAgent, packet.data(), packet.size(), 0) < 0) return errno;
    char result[512];
    for (++underway; underway > 0;) {
      const ssize_t size = ::recv(kAgent, result, sizeof result, underway < 16 ? MSG_DONTWAIT : 0);
      if (size == 0) return EPIPE;
      if (size < 0) break;
      if (static_cast<unsigned char>(result[0]) == 129) --underway;
    }
  }
}

// Talks to a peer, and then tries what it may not.
int talk(const char* peer, const char* stranger) {
  int ends[2] = {-1, -1};
  if (const int refused = ask_for(peer, ends); refused != 0) return refused;
  if (::write(ends[1], "ping", 4) != 4) return errno;
  std::printf("the peer says %s\n", read_message(ends[0]).c_str());
  std::printf("a descriptor to the peer: %d\n", send_descriptors(ends[1], {STDOUT_FILENO}));
  int none[2] = {-1, -1};
  std::printf("a stranger: %d\n", ask_for(stranger, none));
  constexpr char kRestart[] = "\x03\x02\x00\x00\x00\x01";
  if (::send(kLauncher, kRestart, 6, 0) != 6) return errno;
  std::printf("a restart: %d\n", hear().bytes[5]);
  std::printf("a descriptor to the launcher: %d\n", send_descriptors(kLauncher, {STDOUT_FILENO}));
  return hear().size == 0 ? 0 : 3000;  // the end of the channel
}

// In its second run, as soon as the device lets it. `mark` has a byte for each run before.
int restart_device(const char* mark) {
  const int marked = ::open(mark, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
  const off_t runs = marked < 0 ? -1 : ::lseek(marked, 0, SEEK_END);
  if (runs < 0 || ::write(marked, "1", 1) != 1 || ::fsync(marked) != 0) return errno;
  ::close(marked);
  if (runs != 1) {
    std::puts(runs == 0 ? "ready" : "the device is back");
    return 0;
  }
  std::signal(SIGTERM, SIG_IGN);  // what it is told at its end is to be read
  constexpr char kRestart[] = "\x03\x02\x00\x00\x00\x01";
  constexpr unsigned char kTooSoon = 6;
  while (true) {
    if (::send(kLauncher, kRestart, sizeof kRestart - 1, 0) != sizeof kRestart - 1) return errno;
    const Heard answer = hear();
    std::printf("a restart: %d\n", answer.bytes[5]);
    if (answer.bytes[5] != kTooSoon) break;
    std::uint32_t left_ms = 0;
    std::memcpy(&left_ms, answer.bytes + 6, sizeof left_ms);
    ::poll(nullptr, 0, static_cast<int>(left_ms));
  }
  const Heard event = hear();
  std::printf("told %d, cause %d\n", event.bytes[0], event.bytes[1]);
  return 0;
}

int answer_talk() {
  const Heard heard = hear();
  if (heard.ends[0] < 0) return 1;
  std::printf("connected by %.*s\n", heard.bytes[5], heard.bytes + 7);
  std::printf("the peer says %s\n", read_message(heard.ends[0]).c_str());
  if (::write(heard.ends[1], "pong", 4) != 4) return errno;
  // Its end.
  return static_cast<int>(read_message(heard.ends[0]).size());
}

// Leaves the launcher the last end of a connection whose close waits until the other side reads.
int linger(const char* host, const char* port) {
  const sockaddr_in to = address_of(host, port);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return errno;
  static char piece[65536];
  pollfd polled{fd, POLLOUT, 0};
  while (::poll(&polled, 1, 1000) == 1 && ::send(fd, piece, sizeof piece, MSG_DONTWAIT) > 0) {
  }
  const ::linger wait{.l_onoff = 1, .l_linger = 3600};
  if (::setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof wait) != 0) return errno;
  const int sent = send_descriptors(kLauncher, {fd});
  ::close(fd);
  return sent;
}

}  // namespace pavise::device::hostile
