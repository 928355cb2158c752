// An app that does what it is told in its arguments and prints what came of it: "0" or the number
// of the error. Linked statically, so that an image of it is one file.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/gpio.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>

namespace {

int outcome(long result) {
  return result < 0 ? errno : 0;
}

int number(const char* text) {
  return static_cast<int>(std::strtol(text, nullptr, 10));
}

int open_it(const char* path, int flags) {
  const int fd = ::open(path, flags, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

int copy(const char* from, const char* to) {
  const int in = ::open(from, O_RDONLY);
  const int out = ::open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
  if (in < 0 || out < 0) return errno;
  char piece[4096];
  ssize_t size = 0;
  while ((size = ::read(in, piece, sizeof piece)) > 0)
    if (::write(out, piece, static_cast<size_t>(size)) != size) return errno;
  ::close(out);
  return 0;
}

int run_program(const char* path) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    ::execl(path, path, "nothing", nullptr);
    ::_exit(errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int connect_to(const char* host, const char* port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(number(port)));
  ::inet_pton(AF_INET, host, &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  const int connected = outcome(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
  ::close(fd);
  return connected;
}

int listen_on(const char* port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(number(port)));
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return errno;
  return outcome(::listen(fd, 4));
}

int executable_memory() {
  void* const memory =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int made = outcome(::mprotect(memory, 4096, PROT_READ | PROT_EXEC));
  ::munmap(memory, 4096);
  return made;
}

int fork_without_end() {
  for (int made = 0;; ++made) {
    const pid_t child = ::fork();
    if (child < 0) {
      std::printf("made %d\n", made);
      return errno;
    }
    if (child == 0)
      while (true) ::pause();
  }
}

int eat_memory() {
  constexpr size_t kPiece = 1U << 20U;
  while (true) {
    void* const memory =
        ::mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    std::memset(memory, 1, kPiece);
  }
}

// More than any budget of a processor, with all processes that it may have.
int burn() {
  while (::fork() > 0) {
  }
  volatile unsigned count = 0;
  while (true) count = count + 1;
}

int fill(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT, 0600);
  if (fd < 0) return errno;
  static char piece[65536];
  std::memset(piece, 1, sizeof piece);
  size_t written = 0;
  ssize_t size = 0;
  while ((size = ::write(fd, piece, sizeof piece)) > 0) written += static_cast<size_t>(size);
  std::printf("wrote %zu\n", written);
  return errno;
}

int wait_for_end(bool obeys) {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  std::puts("waiting");
  std::fflush(stdout);
  while (true) {
    int signal = 0;
    ::sigwait(&term, &signal);
    if (obeys) {
      std::puts("asked to end");
      std::fflush(stdout);
      ::_exit(7);
    }
  }
}

// For a second. Has the first update that it hears of wait for some.
void look_for_update() {
  pollfd polled{3, POLLIN, 0};
  if (::poll(&polled, 1, 1000) <= 0) return;
  static bool waited = false;
  unsigned char packet[64];
  const ssize_t size = ::recv(3, packet, sizeof packet, MSG_DONTWAIT);
  constexpr unsigned char kUpdateWaits = 132;
  if (size < 3 || packet[0] != kUpdateWaits) return;
  std::printf("update to %.*s\n", packet[1], packet + 3);
  constexpr char kDefer[] = "\x04\x01\x00\x00\x00\x70\x17\x00\x00";  // 6 s
  if (!waited) (void)!::send(3, kDefer, sizeof kDefer - 1, 0);
  waited = true;
}

// A good one: keeps a file and says every second that it lives.
int beat(const char* path) {
  std::printf("kept file: %d\n", outcome(::access(path, F_OK)));
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || ::write(fd, "secret", 6) != 6) return errno;
  for (int count = 0;; ++count) {
    std::printf("beat %d\n", count);
    std::fflush(stdout);
    const char well = 1;
    if (::write(3, &well, 1) != 1) return errno;
    look_for_update();
  }
}

// The first address of a name as its resolver has it, into `out`; else an errno or 1000 + DNS code.
int resolve(const char* name, in_addr& out) {
  char text[64] = {};
  const int file = ::open("/etc/resolv.conf", O_RDONLY);
  if (file < 0 || ::read(file, text, sizeof text - 1) <= 0) return ENOENT;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  char address[16] = {};
  if (std::sscanf(text, "nameserver %15s", address) != 1 ||
      ::inet_pton(AF_INET, address, &to.sin_addr) != 1)
    return EINVAL;
  std::string question("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  for (std::string_view rest = name; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    question += static_cast<char>(label.size());
    question += label;
    rest.remove_prefix(label.size() == rest.size() ? label.size() : label.size() + 1);
  }
  question += std::string("\x00\x00\x01\x00\x01", 5);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  char answer[512];
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 ||
      ::send(fd, question.data(), question.size(), 0) < 0)
    return errno;
  const ssize_t size = ::recv(fd, answer, sizeof answer, 0);
  ::close(fd);
  if (size < 12) return EPROTO;
  if ((answer[3] & 0xf) != 0) return 1000 + (answer[3] & 0xf);
  if (size < 4) return EPROTO;
  std::memcpy(&out, answer + size - 4, 4);  // of one record, the data stands last
  return 0;
}

int connect_by_name(const char* name, const char* port) {
  constexpr int kLater = 1002;  // SERVFAIL: the resolver could not find out in time
  in_addr address{};
  int failed = resolve(name, address);
  for (int tries = 1; failed == kLater && tries < 30; ++tries) {
    ::sleep(1);
    failed = resolve(name, address);
  }
  if (failed != 0) return failed;
  char text[INET_ADDRSTRLEN] = {};
  return connect_to(::inet_ntop(AF_INET, &address, text, sizeof text), port);
}

int connect_by_ipv6() {
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(81);
  ::inet_pton(AF_INET6, "::ffff:10.0.2.2", &to.sin6_addr);
  const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  return outcome(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to));
}

int leave_orphans() {
  if (::fork() == 0) {
    ::setsid();
    while (true) ::pause();
  }
  if (::fork() == 0) {
    if (::fork() == 0) ::_exit(0);
    ::_exit(0);
  }
  return 0;
}

int facts() {
  char host[65] = {};
  ::gethostname(host, 64);
  std::printf("pid %d uid %d gid %d host %s\n", ::getpid(), static_cast<int>(::getuid()),
              static_cast<int>(::getgid()), host);
  char text[2048] = {};
  const int fd = ::open("/proc/self/status", O_RDONLY);
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  if (size > 0)
    for (const char* key : {"CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp:"})
      if (const char* at = std::strstr(text, key))
        std::printf("%.*s\n", static_cast<int>(std::strcspn(at, "\n")), at);
  return 0;
}

// A word to the launcher with a descriptor of ours beside it: who closes it?
int pass_descriptor() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return errno;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  char word = 1;
  iovec part{&word, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), ends.data(), sizeof(int));
  return outcome(::sendmsg(3, &message, 0));
}

int set_option(const char* level, const char* name) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  const linger value{};
  return outcome(::setsockopt(fd, number(level), number(name), &value, sizeof value));
}

int open_descriptors() {
  for (int fd = 0; fd < 64; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
  std::printf("\n");
  return 0;
}

// ---- at its first instruction and from then on, without a pause

void leak(const char* what) {
  std::printf("LEAK %s (%s)\n", what, std::strerror(errno));
  std::fflush(stdout);
}

std::string first_of(const char* path) {
  char text[2048] = {};
  const int fd = ::open(path, O_RDONLY);
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

// Which of the walls is not there yet.
void look_for_gaps() {
  const std::string status = first_of("/proc/self/status");
  for (const char* wall :
       {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    if (status.find(wall) == std::string::npos) leak(wall);
  if (::getuid() < 1000 || ::getpid() != 2) leak("who it is");
  for (int fd = 5; fd < 64; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) leak("a descriptor");
  for (int pid = 1; pid < 64; ++pid)
    if (pid != 2 && ::access(("/proc/" + std::to_string(pid)).c_str(), F_OK) == 0)
      leak("a process");
}

// One attempt at each wall.
void try_walls() {
  if (connect_to("10.0.2.2", "81") != EPERM) leak("connect");
  for (const char* path : {"/proc/1/root", "/proc/1/status", "/proc/sys/kernel/core_pattern",
                           "/sys/fs/cgroup", "/data/../../data/apps", "/dev/vda", "/dev/tpmrm0",
                           "/data/way/1/root/etc", "/data/root/sys"})
    if (::access(path, F_OK) == 0) leak(path);
  (void)!::symlink("/proc", "/data/way");
  (void)!::symlink("/..", "/data/root");
  if (::setuid(0) == 0) leak("setuid");
  if (::mknod("/data/node", S_IFCHR | 0600, makedev(1, 1)) == 0) leak("mknod");
  if (executable_memory() != EPERM) leak("executable memory");
  if (open_it("/proc/self/oom_score_adj", O_WRONLY) == 0) leak("oom_score_adj");
  const char words[] = "\1\2\3";
  for (const int channel : {3, 4})
    for (size_t size = 0; size <= 3; ++size)
      (void)::send(channel, words, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// All that it may have of processes, or so many, try without end, until this one ends them or it is
// ended.
int race(int processes) {
  look_for_gaps();
  int made = 0;
  for (pid_t child = 0; made != processes && (child = ::fork()) >= 0; ++made) {
    if (child != 0) continue;
    ::setsid();
    (void)::signal(SIGTERM, SIG_IGN);
    while (true) try_walls();
  }
  for (int i = 0; i < 20; ++i) try_walls();
  std::printf("raced with %d\n", made);
  std::fflush(stdout);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_nsec % 2 == 0) ::kill(::getpid(), SIGKILL);
  ::_exit(3);  // its children are left behind
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
    if (::send(4, packet.data(), packet.size(), 0) < 0) return errno;
    char result[512];
    for (++underway; underway > 0;) {
      const ssize_t size = ::recv(4, result, sizeof result, underway < 16 ? MSG_DONTWAIT : 0);
      if (size == 0) return EPIPE;
      if (size < 0) break;
      if (static_cast<unsigned char>(result[0]) == 129) --underway;
    }
  }
}

// A parent that traces its child as debuggers do, and writes into it.
int trace_child() {
  static volatile long word = 1;
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(99);
    ::raise(SIGSTOP);
    ::_exit(static_cast<int>(word));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return 1000 + WEXITSTATUS(status);
  if (::ptrace(PTRACE_POKEDATA, child, &word, 7L) != 0) return errno;
  if (::ptrace(PTRACE_CONT, child, nullptr, nullptr) != 0) return errno;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

int forbidden(std::string_view call) {
  if (call == "ptrace") return outcome(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
  if (call == "attach") return outcome(::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr));
  if (call == "seize") return outcome(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
  if (call == "peek_warden") return outcome(::ptrace(PTRACE_PEEKDATA, 1, nullptr, nullptr));
  if (call == "mount") return outcome(::mount("none", "/tmp", "tmpfs", 0, nullptr));
  if (call == "unshare") return outcome(::unshare(CLONE_NEWUSER));
  if (call == "bpf") return outcome(::syscall(SYS_bpf, 0, nullptr, 0));
  if (call == "io_uring") return outcome(::syscall(SYS_io_uring_setup, 1, nullptr));
  if (call == "vm_readv")
    return outcome(::syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0));
  if (call == "userfaultfd") return outcome(::syscall(SYS_userfaultfd, 0));
  if (call == "keyctl") return outcome(::syscall(SYS_keyctl, 0, -3, 0));
  if (call == "perf") return outcome(::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  if (call == "setns") return outcome(::syscall(SYS_setns, 0, 0));
  if (call == "getfd") return outcome(::syscall(SYS_pidfd_getfd, 0, 0, 0));
  if (call == "handle") return outcome(::syscall(SYS_open_by_handle_at, -1, nullptr, 0));
  if (call == "x32") return outcome(::syscall(0x40000000 | SYS_getpid));
  if (call == "shm") return outcome(::syscall(SYS_shmget, 0, 4096, 0600));
  if (call == "pkey") return outcome(::syscall(SYS_pkey_mprotect, nullptr, 0, PROT_EXEC, -1));
  if (call == "personality") return outcome(::syscall(SYS_personality, 0x0400000));
  // Its guard is of the same user; what can be done to its limits must not set the app free.
  if (call == "limit_warden") {
    const rlimit none{};
    int changed = 0;
    for (const auto kind :
         {RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_AS, RLIMIT_SIGPENDING, RLIMIT_FSIZE})
      changed += ::prlimit(1, kind, &none, nullptr) == 0;
    return changed == 5 ? 0 : errno;
  }
  if (call == "clone_user")
    return outcome(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (call == "clone3") return outcome(::syscall(SYS_clone3, nullptr, 0));
  if (call == "setuid") return outcome(::setuid(0));
  if (call == "mknod") return outcome(::mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)));
  if (call == "memfd") return outcome(::memfd_create("code", 0));
  if (call == "unix") return outcome(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (call == "netlink") return outcome(::socket(AF_NETLINK, SOCK_RAW, 0));
  if (call == "packet") return outcome(::socket(AF_PACKET, SOCK_RAW, 0));
  if (call == "inet") return outcome(::socket(AF_INET, SOCK_STREAM, 0));
  if (call == "tiocsti") return outcome(::ioctl(0, 0x5412, "x"));
  if (call == "tiocsti64") return outcome(::syscall(SYS_ioctl, 0, 0x1'0000'5412UL, "x"));
  if (call == "wx")
    return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                       ? -1
                       : 0);
  if (call == "kill_all") return outcome(::kill(-1, SIGKILL));
  if (call == "kill_warden") return outcome(::kill(1, SIGKILL));
  return -1;
}

// What `line` is when it was made an input or an output with this value; or the number of the
// error.
int use_line(const char* line, std::uint64_t flags, bool value) {
  const int fd = number(line);
  gpio_v2_line_config config{};
  config.flags = flags;
  if ((flags & GPIO_V2_LINE_FLAG_OUTPUT) != 0) {
    config.num_attrs = 1;
    config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
    config.attrs[0].attr.values = value ? 1 : 0;
    config.attrs[0].mask = 1;
  }
  gpio_v2_line_values values{.bits = 0, .mask = 1};
  if (::ioctl(fd, GPIO_V2_LINE_SET_CONFIG_IOCTL, &config) != 0 ||
      ::ioctl(fd, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) != 0)
    return errno;
  std::printf("line %d is %d\n", fd, static_cast<int>(values.bits & 1));
  return 0;
}

// A request to a descriptor, of what the kernel has for lines and for chips.
int gpio(std::string_view request, const char* descriptor) {
  struct Request {
    std::string_view name;
    unsigned long number;
  };
  constexpr Request kRequests[] = {{"line_set_config", GPIO_V2_LINE_SET_CONFIG_IOCTL},
                                   {"line_get_values", GPIO_V2_LINE_GET_VALUES_IOCTL},
                                   {"line_set_values", GPIO_V2_LINE_SET_VALUES_IOCTL},
                                   {"chip_info", GPIO_GET_CHIPINFO_IOCTL},
                                   {"chip_line_info", GPIO_V2_GET_LINEINFO_IOCTL},
                                   {"chip_get_line", GPIO_V2_GET_LINE_IOCTL},
                                   {"chip_get_line_v1", GPIO_GET_LINEHANDLE_IOCTL}};
  static gpio_v2_line_request largest{};
  for (const Request& known : kRequests)
    if (known.name == request) return outcome(::ioctl(number(descriptor), known.number, &largest));
  return -1;
}

// Leaves it in a message that only itself could receive: a circle that outlives the process.
int park(int descriptor) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) return errno;
  const int parked[] = {descriptor, ends[0], ends[1]};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof parked)] = {};
  char byte = 0;
  iovec piece{&byte, 1};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof parked);
  std::memcpy(CMSG_DATA(rights), parked, sizeof parked);
  return outcome(::sendmsg(ends[0], &message, 0));
}

// Its own line, another descriptor, and what is none of its business.
int try_lines(const char* own, const char* other) {
  constexpr std::uint64_t kUp = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
  constexpr std::uint64_t kDown = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN;
  int failed = 0;
  for (const bool value : {true, false}) failed += use_line(own, GPIO_V2_LINE_FLAG_OUTPUT, value);
  for (const std::uint64_t pull : {kUp, kDown}) failed += use_line(own, pull, false);
  std::printf("other %d\n", use_line(other, GPIO_V2_LINE_FLAG_OUTPUT, true));
  std::printf("chip %d, %d; node %d; what is no line %d\n", gpio("chip_get_line", own),
              gpio("chip_info", own), open_it("/dev/gpiochip0", O_RDWR),
              gpio("line_get_values", "3"));
  return failed + park(number(own));
}

// The first byte of the memory at address 0x50 of an I2C bus.
int read_bus(const char* path) {
  const int bus = ::open(path, O_RDWR);
  if (bus < 0 || ::ioctl(bus, I2C_SLAVE, 0x50UL) < 0) return errno;
  i2c_smbus_data data{};
  i2c_smbus_ioctl_data request{
      .read_write = I2C_SMBUS_READ, .command = 0, .size = I2C_SMBUS_BYTE_DATA, .data = &data};
  return outcome(::ioctl(bus, I2C_SMBUS, &request));
}

// Descriptor 3: docs/formats/app-channels.md.
constexpr int kLauncher = 3;

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

int send_descriptor(int over, int descriptor) {
  char byte = 1;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return outcome(::sendmsg(over, &message, MSG_NOSIGNAL));
}

// The next message, up to the end of a line.
std::string read_message(int end) {
  char text[64] = {};
  pollfd polled{end, POLLIN, 0};
  (void)::poll(&polled, 1, -1);
  return ::read(end, text, sizeof text - 1) < 0 ? "nothing" : text;
}

// Talks to a peer, and then tries what it may not.
int talk(const char* peer, const char* stranger) {
  int ends[2];
  if (const int refused = ask_for(peer, ends); refused != 0) return refused;
  if (::write(ends[1], "ping", 4) != 4) return errno;
  std::printf("the peer says %s\n", read_message(ends[0]).c_str());
  std::printf("a descriptor to the peer: %d\n", send_descriptor(ends[1], STDOUT_FILENO));
  int none[2];
  std::printf("a stranger: %d\n", ask_for(stranger, none));
  constexpr char kRestart[] = "\x03\x02\x00\x00\x00\x01";
  if (::send(kLauncher, kRestart, 6, 0) != 6) return errno;
  std::printf("a restart: %d\n", hear().bytes[5]);
  std::printf("a descriptor to the launcher: %d\n", send_descriptor(kLauncher, STDOUT_FILENO));
  return hear().size == 0 ? 0 : 3000;  // the end of the channel
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
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(number(port)));
  ::inet_pton(AF_INET, host, &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return errno;
  static char piece[65536];
  pollfd polled{fd, POLLOUT, 0};
  while (::poll(&polled, 1, 1000) == 1 && ::send(fd, piece, sizeof piece, MSG_DONTWAIT) > 0) {
  }
  const ::linger wait{.l_onoff = 1, .l_linger = 3600};
  if (::setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof wait) != 0) return errno;
  const int sent = send_descriptor(kLauncher, fd);
  ::close(fd);
  return sent;
}

int act(int count, char** words) {
  const std::string_view verb = count > 1 ? words[1] : "nothing";
  const char* const first = count > 2 ? words[2] : "";
  const char* const second = count > 3 ? words[3] : "";
  if (verb == "nothing") return 0;
  if (verb == "exit") ::_exit(number(first));
  if (verb == "abort") std::abort();
  if (verb == "facts") return facts();
  if (verb == "descriptors") return open_descriptors();
  if (verb == "read") return open_it(first, O_RDONLY);
  if (verb == "write") return open_it(first, O_WRONLY | O_CREAT);
  if (verb == "open_writing") return open_it(first, O_WRONLY);
  if (verb == "copy") return copy(first, second);
  if (verb == "run") return run_program(first);
  if (verb == "copy_and_run") {
    const int copied = copy("/app", first);
    return copied != 0 ? copied : run_program(first);
  }
  if (verb == "connect") return connect_to(first, second);
  if (verb == "listen") return listen_on(first);
  if (verb == "executable_memory") return executable_memory();
  if (verb == "fork_without_end") return fork_without_end();
  if (verb == "eat_memory") return eat_memory();
  if (verb == "burn") return burn();
  if (verb == "fill") return fill(first);
  if (verb == "wait") return wait_for_end(true);
  if (verb == "ignore_the_end") return wait_for_end(false);
  if (verb == "beat") return beat(first);
  if (verb == "connect_by_name") return connect_by_name(first, second);
  if (verb == "connect_by_ipv6") return connect_by_ipv6();
  if (verb == "talk") return talk(first, second);
  if (verb == "answer_talk") return answer_talk();
  if (verb == "linger") return linger(first, second);
  if (verb == "leave_orphans") return leave_orphans();
  if (verb == "race") return race(*first == 0 ? -1 : number(first));
  if (verb == "flood_hub") return flood_hub();
  if (verb == "pass_descriptor") return pass_descriptor();
  if (verb == "set_option") return set_option(first, second);
  if (verb == "trace_child") return trace_child();
  if (verb == "say_on_three") return outcome(::write(3, "hello", 5) - 5);
  if (verb == "try_lines") return try_lines(first, second);
  if (verb == "read_bus") return read_bus(first);
  if (verb == "gpio") return gpio(first, second);
  if (verb == "kill") return outcome(::kill(number(first), 0));
  return forbidden(first);
}

}  // namespace

int main(int count, char** words) {
  std::printf("%d\n", act(count, words));
  return 0;
}
