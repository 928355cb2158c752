// What the walls of an app cost: its start against the bare program, against the program in the
// same namespaces with nothing else done, and against bubblewrap with them, its connections against
// unguarded ones, and the memory of its warden.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "device/apps/compartment/app_filter.h"
#include "device/apps/compartment/compartment.h"
#include "device/apps/egress/egress_guard.h"
#include "device/apps/egress/testing/network_text.h"

namespace pavise::device {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr uid_t kUser = 54321;
constexpr const char* kPeer = "/usr/bin/bwrap";

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench_apps: %s\n", why.c_str());
  std::exit(1);
}
void require(bool done, const char* what) {
  if (!done) give_up(std::string(what) + ": " + std::strerror(errno));
}

// An image with one program, storage, and a control group.
class Workshop {
 public:
  Workshop() {
    require(::unshare(CLONE_NEWNS) == 0 &&
                ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0,
            "mounts");
    char path[] = "/tmp/pavise-bench-apps-XXXXXX";
    folder_ = ::mkdtemp(path);
    require(::chmod(folder_.c_str(), 0755) == 0, "folder");
    for (const char* name :
         {"cgroup", "image", "image/dev", "image/proc", "image/tmp", "image/data", "storage"})
      fs::create_directory(folder_ / name);
    fs::copy_file(PAVISE_SMALL_APP, folder_ / "image/app");
    require(::chown((folder_ / "storage").c_str(), kUser, kUser) == 0, "storage");
    require(::mount("none", (folder_ / "cgroup").c_str(), "cgroup2", 0, nullptr) == 0, "cgroup2");
  }
  ~Workshop() {
    ::umount2((folder_ / "cgroup").c_str(), MNT_DETACH);
    fs::remove_all(folder_);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  AppGroup group(const char* name) const {
    auto out = AppGroup::without_controllers(folder_ / "cgroup",
                                             std::string(name) + '-' + std::to_string(::getpid()));
    if (!out) give_up(out.error().message());
    return std::move(*out);
  }
  CompartmentSpec spec(const char* verb) const {
    CompartmentSpec out;
    out.name = "bench";
    out.user = kUser;
    out.root = {.image = folder_ / "image",
                .storage = folder_ / "storage",
                .devices = {},
                .temporary_bytes_max = 1U << 20U};
    out.arguments = {"/app", verb};
    auto filter = make_app_filter({});
    if (!filter) give_up(filter.error().message());
    out.filter = std::move(*filter);
    return out;
  }
  std::string image() const { return folder_ / "image"; }
  std::string storage() const { return folder_ / "storage"; }

 private:
  fs::path folder_;
};

// Median of the milliseconds that `once` takes.
double median_ms(int times, const std::function<void()>& once) {
  std::vector<double> taken;
  for (int i = 0; i < times; ++i) {
    const auto begin = Clock::now();
    once();
    taken.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::ranges::nth_element(taken, taken.begin() + times / 2);
  return taken[static_cast<std::size_t>(times / 2)];
}

void run_outside(std::vector<std::string> words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  require(::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0,
          arguments[0]);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, arguments[0]);
}

void run_inside(const CompartmentSpec& spec, const AppGroup& group) {
  auto app = Compartment::start(spec, group);
  if (!app) give_up(app.error().message());
  const auto ending = app->wait();
  if (!ending || ending->by_signal) give_up("the app did not end well");
}

// What the kernel takes for the namespaces and the control group alone.
void run_in_namespaces(const std::string& program, const AppGroup& group) {
  clone_args how{};
  how.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET | CLONE_INTO_CGROUP;
  if (fs::exists("/proc/self/ns/ipc")) how.flags |= CLONE_NEWIPC;
  how.exit_signal = SIGCHLD;
  how.cgroup = static_cast<std::uint64_t>(group.folder());
  const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
  require(child >= 0, "namespaces");
  if (child == 0) {
    const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nothing, STDOUT_FILENO);
    ::execl(program.c_str(), program.c_str(), "nothing", nullptr);
    ::_exit(127);
  }
  int status = 0;
  require(::waitpid(child, &status, 0) == child && status == 0, program.c_str());
}

bool knows_file_system(const std::string& name) {
  std::ifstream file("/proc/filesystems");
  std::string word;
  while (file >> word)
    if (word == name) return true;
  return false;
}

// With the namespaces and nodes that our own compartment has on this kernel.
std::vector<std::string> peer_words(const Workshop& workshop) {
  std::vector<std::string> out{kPeer,           "--unshare-pid", "--unshare-uts",  "--unshare-net",
                               "--hostname",    "bench",         "--cap-drop",     "ALL",
                               "--new-session", "--ro-bind",     workshop.image(), "/"};
  if (fs::exists("/proc/self/ns/ipc")) out.emplace_back("--unshare-ipc");
  if (knows_file_system("devpts")) {
    out.insert(out.end(), {"--dev", "/dev"});
  } else {
    out.insert(out.end(), {"--tmpfs", "/dev"});
    for (const char* node : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
      out.insert(out.end(), {"--dev-bind", node, node});
  }
  out.insert(out.end(), {"--proc", "/proc", "--tmpfs", "/tmp", "--bind", workshop.storage(),
                         "/data", "/app", "nothing"});
  return out;
}

void bench_start(const Workshop& workshop, int times) {
  AppGroup group = workshop.group("start");
  const CompartmentSpec spec = workshop.spec("nothing");
  const std::string program = workshop.image() + "/app";
  const bool has_peer = fs::exists(kPeer);
  std::vector<double> ours;
  std::vector<double> bare;
  std::vector<double> floor;
  std::vector<double> peer;
  // In turns, so that what else the machine does meets all of them alike.
  for (int turn = 0; turn < 5; ++turn) {
    bare.push_back(median_ms(times, [&] { run_outside({program, "nothing"}); }));
    floor.push_back(median_ms(times, [&] { run_in_namespaces(program, group); }));
    ours.push_back(median_ms(times, [&] { run_inside(spec, group); }));
    if (has_peer) peer.push_back(median_ms(times, [&] { run_outside(peer_words(workshop)); }));
  }
  (void)group.remove().has_value();
  const auto middle = [](std::vector<double>& of) {
    std::ranges::sort(of);
    return of[of.size() / 2];
  };
  const double mine = middle(ours);
  std::printf(
      "start to end of a static program  ours %.2f ms, bare %.2f ms, namespaces alone %.2f ms",
      mine, middle(bare), middle(floor));
  if (has_peer) {
    const double theirs = middle(peer);
    std::printf(", bubblewrap %.2f ms: ratio %.2f\n", theirs, mine / theirs);
  } else {
    std::printf("; bubblewrap is not installed\n");
  }
}

// The filter is made when an app is installed; here it is seen apart.
void bench_filter(int times) {
  const double made = median_ms(times, [] {
    if (!make_app_filter({.network = true, .listens = true})) give_up("filter");
  });
  std::printf("system call filter                %.2f ms to make, %zu instructions\n", made,
              make_app_filter({.network = true, .listens = true}).value().size());
}

double connect_ns(int count, std::uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  require(fd.valid(), "socket");
  const auto begin = Clock::now();
  for (int i = 0; i < count; ++i)
    require(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
  return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / count;
}

// The same in a child, in the guarded group or not.
double in_child(const AppGroup* group, const std::function<double()>& measure) {
  std::array<int, 2> ends{};
  require(::pipe(ends.data()) == 0, "pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    if (group != nullptr) {
      const UniqueFd procs(::openat(group->folder(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
      require(::write(procs.get(), "0", 1) == 1, "cgroup.procs");
    }
    const double out = measure();
    require(::write(ends[1], &out, sizeof out) == sizeof out, "pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  double out = 0;
  require(::read(ends[0], &out, sizeof out) == sizeof out, "the child");
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return out;
}

void bench_egress(const Workshop& workshop, int count) {
  constexpr std::uint16_t kPort = 9;
  AppGroup group = workshop.group("egress");
  {
    auto guard = EgressGuard::attach(group.folder());
    if (!guard) give_up(guard.error().message());
    const AddressBytes loopback = network_of("127.0.0.1").address;
    if (!guard->pin(loopback, SOCK_DGRAM, kPort, std::nullopt)) give_up("pin");
    double open = 1e9;
    double guarded = 1e9;
    for (int turn = 0; turn < 5; ++turn) {
      open = std::min(open, in_child(nullptr, [&] { return connect_ns(count, kPort); }));
      guarded = std::min(guarded, in_child(&group, [&] { return connect_ns(count, kPort); }));
    }
    std::printf("connect of a datagram socket      guarded %.0f ns, open %.0f ns: %.0f ns more\n",
                guarded, open, guarded - open);
  }
  (void)group.remove().has_value();
}

std::uint64_t private_kib(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps_rollup");
  std::string word;
  std::uint64_t total = 0;
  while (file >> word) {
    if (word != "Private_Dirty:" && word != "Private_Clean:") continue;
    std::uint64_t value = 0;
    file >> value;
    total += value;
  }
  return total;
}

void bench_memory(const Workshop& workshop) {
  AppGroup group = workshop.group("memory");
  auto app = Compartment::start(workshop.spec("wait"), group);
  if (!app) give_up(app.error().message());
  std::printf("memory of the warden              %llu KiB of its own\n",
              static_cast<unsigned long long>(private_kib(app->warden())));
  app->kill();
  (void)app->wait().has_value();
  (void)group.remove().has_value();
}

int run(bool quick) {
  if (::geteuid() != 0) {
    std::printf("bench_apps: needs root to build compartments; nothing was measured\n");
    return 0;
  }
  const Workshop workshop;
  bench_start(workshop, quick ? 10 : 100);
  bench_filter(quick ? 5 : 100);
  bench_egress(workshop, quick ? 20'000 : 500'000);
  bench_memory(workshop);
  return 0;
}

}  // namespace
}  // namespace pavise::device

int main(int count, char** words) {
  return pavise::device::run(count > 1 && std::strcmp(words[1], "--quick") == 0);
}
