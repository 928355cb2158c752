// app debug: gdb on this machine, the app behind its walls on a device
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "cli/app/files.h"
#include "cli/program/app_device.h"
#include "cli/program/app_verb.h"
#include "common/base/unique_fd.h"
#include "protocol/dev_grant/dev_grant.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kPieceBytes = 2048;  // of one exchange (api/methods.cddl)
constexpr std::size_t kUnsentBytesMax = 64UL * 1024;
// How long gdb's side is waited for before the device is asked again: soon after something came,
// seldom while nothing does.
constexpr int kSoonMs = 5;
constexpr int kSeldomMs = 250;
constexpr int kNobodyMs = 1000;
// The device attests anew because its apps changed, and is away meanwhile.
constexpr std::chrono::seconds kAwayMax{50};

struct DebugArguments {
  std::string device, app, grant;
  std::string program = "build/debug/pavise-app";
  std::optional<std::uint16_t> port;
};

std::atomic<bool> interrupted{false};

void on_interrupt(int /*signal*/) {
  interrupted = true;
}

// While it lives, an interrupt ends the session instead of the program.
class Interrupts {
 public:
  Interrupts() {
    interrupted = false;
    struct sigaction action{};
    action.sa_handler = &on_interrupt;
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals.at(i), &action, &before_.at(i));
  }
  ~Interrupts() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      ::sigaction(kSignals.at(i), &before_.at(i), nullptr);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, 3> before_{};
};

Error socket_error(std::string_view what) {
  return {app::kFileFailed, std::string(what) + ": " + std::strerror(errno)};
}

struct Listener {
  UniqueFd socket;
  std::string address;                         // as gdb's "target remote" takes it
  std::optional<app::TemporaryFolder> folder;  // of the socket
};

// A socket in a folder that nobody else may enter: whoever reaches it debugs the app.
Result<Listener> listen_in_folder() {
  PAVISE_TRY_ASSIGN(app::TemporaryFolder folder, app::TemporaryFolder::create());
  const std::string path = folder.path() / "gdb";
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) return Error(kSocketPathTooLong, path);
  std::ranges::copy(path, at.sun_path);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(socket.get(), 1) != 0)
    return socket_error(path);
  return Listener{std::move(socket), path, std::move(folder)};
}

// For every program of this machine, whoever runs it.
Result<Listener> listen_on_port(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(socket.get(), 1) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
    return socket_error("port " + std::to_string(port));
  return Listener{std::move(socket), "127.0.0.1:" + std::to_string(ntohs(at.sin_port)), {}};
}

// One session: the bytes of gdb and those of the device, each counted from the beginning.
class DebugLink {
 public:
  DebugLink(Session& session, const AppDevice& device, std::string app, std::uint64_t number)
      : session_(session), device_(device), app_(std::move(app)), number_(number) {}

  // Until gdb leaves, the app's debugger ends, or somebody interrupts.
  Exit run(const UniqueFd& listener);
  // The app is started as ever. Says nothing: the device does it anyway a minute later.
  void end() { (void)call_app_device(session_, device_, call(true)); }

 private:
  AppCall call(bool end) const {
    const std::size_t size = std::min(unsent_.size(), kPieceBytes);
    const ByteView piece = end ? ByteView() : ByteView(unsent_).first(size);
    return {.method = "debug.exchange",
            .payload = json::object{{"name", app_},
                                    {"session", number_},
                                    {"at", sent_},
                                    {"data", to_base64(piece)},
                                    {"received", received_},
                                    {"end", end}}};
  }
  bool exchange();                        // false: that was the last one, or it failed
  bool apply(const json::value& answer);  // false: it makes no sense
  bool hear(int fd);                      // false: gdb is gone
  bool say(int fd);                       // false: gdb is gone
  bool wait(const UniqueFd& listener, int timeout_ms);  // false: gdb is gone

  Session& session_;
  const AppDevice& device_;
  std::string app_;
  std::uint64_t number_;
  UniqueFd gdb_;
  Bytes unsent_, unsaid_;
  std::uint64_t sent_ = 0, received_ = 0;
  bool over_ = false, moved_ = false;
  Exit exit_ = Exit::ok;
};

bool DebugLink::apply(const json::value& answer) {
  const std::uint64_t taken = number_of(answer, "taken");
  const auto data = from_base64(text_of(answer, "data"));
  const json::value* over = find(answer, "over");
  if (!data || over == nullptr || !over->is_bool() || taken < sent_ ||
      taken - sent_ > unsent_.size()) {
    exit_ = session_.fail(Error(kBadDeviceAnswer, "no answer of debug.exchange"));
    return false;
  }
  moved_ = taken != sent_ || !data->empty();
  unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(taken - sent_));
  sent_ = taken;
  received_ += data->size();
  append(unsaid_, *data);
  over_ = over->as_bool();
  return true;
}

bool DebugLink::exchange() {
  const auto away_until = std::chrono::steady_clock::now() + kAwayMax;
  while (true) {
    const AppAnswer answer = call_app_device(session_, device_, call(false));
    if (answer.good()) return apply(answer.payload) && !over_;
    // Nothing is lost: what is asked again has the same numbers.
    const bool is_away =
        answer.kind == AppAnswer::Kind::away || answer.kind == AppAnswer::Kind::interrupted;
    if (is_away && !interrupted && std::chrono::steady_clock::now() < away_until) {
      session_.pause(std::chrono::milliseconds(kSeldomMs));
      continue;
    }
    exit_ = tell(session_, device_, answer);
    return false;
  }
}

bool DebugLink::hear(int fd) {
  std::array<std::byte, kPieceBytes> piece;
  const ssize_t size = ::recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
  if (size > 0) append(unsent_, ByteView(piece).first(static_cast<std::size_t>(size)));
  return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

bool DebugLink::say(int fd) {
  while (!unsaid_.empty()) {
    const ssize_t size = ::send(fd, unsaid_.data(), unsaid_.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR && !interrupted) continue;
    if (size <= 0) return false;
    unsaid_.erase(unsaid_.begin(), unsaid_.begin() + size);
  }
  return true;
}

bool DebugLink::wait(const UniqueFd& listener, int timeout_ms) {
  const bool is_full = unsent_.size() >= kUnsentBytesMax;
  pollfd polled{gdb_ ? gdb_.get() : listener.get(),
                static_cast<short>(gdb_ && is_full ? 0 : POLLIN), 0};
  if (::poll(&polled, 1, timeout_ms) <= 0) return true;
  if (gdb_) return hear(gdb_.get());
  gdb_ = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return true;
}

Exit DebugLink::run(const UniqueFd& listener) {
  int timeout_ms = kNobodyMs;
  while (!interrupted) {
    if (!wait(listener, unsent_.empty() ? timeout_ms : 0)) break;
    if (!exchange()) break;
    // What came before there is a gdb waits for it.
    if (gdb_ && !say(gdb_.get())) break;
    timeout_ms = moved_ ? kSoonMs : std::min(2 * timeout_ms, gdb_ ? kSeldomMs : kNobodyMs);
  }
  if (gdb_) (void)say(gdb_.get());
  return exit_;
}

json::object launch_block(const DebugArguments& a, const std::string& address) {
  return {{"name", "Pavise: " + a.app + " on " + a.device},
          {"type", "cppdbg"},
          {"request", "launch"},
          {"program", a.program.starts_with('/') ? a.program : "${workspaceFolder}/" + a.program},
          {"cwd", "${workspaceFolder}"},
          {"MIMode", "gdb"},
          {"miDebuggerServerAddress", address},
          {"stopAtConnect", true},
          {"useExtendedRemote", false}};
}

void print_ready(Session& session, const DebugArguments& a, const json::value& begun,
                 const std::string& address) {
  const json::object block = launch_block(a, address);
  if (session.json()) {
    json::object out = begun.as_object();
    out["address"] = address;
    out["launch"] = block;
    session.print(json::serialize(out) + "\n");
    return;
  }
  std::string text = "In .vscode/launch.json, \"configurations\":\n{\n";
  for (const auto& [name, value] : block) {
    text += "  \"" + std::string(name) + "\": " + json::serialize(value);
    text += &value == &block.rbegin()->value() ? "\n" : ",\n";
  }
  text += "}\n\nor\n  gdb -ex 'target remote " + address + "' " + a.program + "\n\n";
  text += "The app waits at its first instruction. Ctrl-C ends this, and starts the app as ever.\n";
  session.print(text);
}

// False after printing why not.
bool hand_over(Session& session, const AppDevice& device, const std::string& path) {
  const auto grant = app::read_whole(path, dev_grant::kGrantBytesMax);
  const auto read = grant ? dev_grant::Grant::parse(*grant) : grant.error();
  if (!read) {
    session.fail(read.error());
    return false;
  }
  return ask(session, device,
             {.method = "grant", .payload = json::object{{"grant", to_base64(*grant)}}})
      .has_value();
}

Exit debug(Session& session, const DebugArguments& a) {
  if (!can_be_app(session, a.app)) return session.exit();
  const auto device = find_app_device(session, a.device);
  if (!device) return session.exit();
  if (!a.grant.empty() && !hand_over(session, *device, a.grant)) return session.exit();
  const Interrupts interrupts;
  const auto listener = a.port ? listen_on_port(*a.port) : listen_in_folder();
  if (!listener) return session.fail(listener.error());
  const auto begun =
      ask(session, *device, {.method = "debug", .payload = json::object{{"name", a.app}}});
  if (!begun) return session.exit();
  if (!begun->is_object() || number_of(*begun, "session") == 0)
    return session.fail(Error(kBadDeviceAnswer, "no answer of debug"));
  print_ready(session, a, *begun, listener->address);
  DebugLink link(session, *device, a.app, number_of(*begun, "session"));
  const Exit exit = link.run(listener->socket);
  link.end();
  return exit;
}

}  // namespace

void add_app_debug_verb(CLI::App& app, Action& run) {
  auto a = std::make_shared<DebugArguments>();
  CLI::App* verb = add_verb(
      app, "debug", "debug an app on a device with gdb or VS Code on this machine",
      "  pavise app debug sim0 blink --grant blink.grant\n"
      "  pavise app debug 3fa81c0b blink --port 3000 --program build/debug/pavise-app\n"
      "\n"
      "The app is ended and started behind the gdbserver in its package (pavise app build "
      "--debug), "
      "within\n"
      "its walls. The device wants the owner's word for it: pavise app grant create. "
      "Afterwards the "
      "app is\n"
      "started as ever.\n"
      "\n"
      "gdb and VS Code reach it by a socket in a folder of yours alone. With --port it is a "
      "port of\n"
      "127.0.0.1 instead, at which every user of this machine can debug the app.");
  verb->add_option("DEVICE", a->device, kDeviceHelp)->required();
  verb->add_option("APP", a->app, "its name, as app list shows it")->required();
  verb->add_option("--grant", a->grant, "a development grant; none if the device has it already");
  verb->add_option("--port", a->port,
                   "of 127.0.0.1 (0: a free one), instead of a socket of yours alone");
  verb->add_option("--program", a->program,
                   "the program with its symbols (default: build/debug/pavise-app)");
  on_verb(verb, run, a, &debug);
}

}  // namespace pavise::cli
