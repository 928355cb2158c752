#include "samples/modbus_guardian/service.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>

namespace modbus_guardian {
namespace {

constexpr int kAppChannel = 3;  // to the launcher of apps
constexpr std::size_t kSignalsAt = 0, kListenerAt = 1, kMachineAt = 2, kClientsAt = 3;

std::int64_t clock_ms(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

sockaddr_in place(Ipv4 address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(address);
  out.sin_port = htons(port);
  return out;
}

void set_on(int socket, int level, int option) {
  const int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

Descriptor new_socket() {
  return Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool is_passing(int error) {
  return error == EAGAIN || error == EINTR;
}

// A line is one write, so that lines stay whole. A log that takes no more is not waited for: the
// machine is more important.
void log_line(const std::string& line) {
  const std::string whole = line + '\n';
  pollfd log{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&log, 1, 0) == 1) (void)!::write(STDOUT_FILENO, whole.data(), whole.size());
}

Descriptor take_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

Service::Service(const Rules& rules, const Places& places)
    : rules_(rules),
      places_(places),
      record_file_(places.data / "record"),
      record_([this](const std::string& line) {
        log_line(line);
        record_file_.append(std::to_string(now().unix_s) + ' ' + line);
      }),
      grants_([this](const std::string& uses) {
        return uses_known_ && replace_file(places_.data / "uses", uses);
      }),
      guardian_(rules_, grants_, record_) {}

Now Service::now() {
  return {.steady_ms = clock_ms(CLOCK_MONOTONIC), .unix_s = clock_ms(CLOCK_REALTIME) / 1000};
}

// What was used up must not come back: without this file's word nothing is written.
void Service::restore_uses() {
  const auto text = read_file(places_.data / "uses");
  const Parsed<void> restored =
      text ? grants_.restore(text->value_or("")) : std::unexpected(text.error());
  uses_known_ = restored.has_value();
  if (!uses_known_) record_.tell("no write is let through: uses: " + restored.error());
}

Parsed<std::vector<Grant>> Service::all_grants() const {
  std::vector<Grant> out;
  for (const auto& folder : {places_.image, places_.data}) {
    const std::filesystem::path path = folder / "grants";
    const auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    auto grants = Grants::parse(text->value_or(""));
    if (!grants) return std::unexpected(path.string() + ": " + grants.error());
    for (Grant& grant : *grants) {
      if (std::ranges::find(out, grant.name, &Grant::name) != out.end())
        return std::unexpected(path.string() + ": the image has a grant " + grant.name);
      out.push_back(std::move(grant));
    }
  }
  return out;
}

void Service::load_grants() {
  auto grants = all_grants();
  const std::string problem = grants ? "" : "no write is let through: " + grants.error();
  grants_.replace(grants ? *std::move(grants) : std::vector<Grant>{});
  if (problem != grants_problem_ && !problem.empty()) record_.tell(problem);
  grants_problem_ = problem;
}

std::string Service::listen() {
  listener_ = new_socket();
  set_on(listener_.get(), SOL_SOCKET, SO_REUSEADDR);
  const sockaddr_in at = place(INADDR_ANY, rules_.listen_port);
  if (!listener_.valid() ||
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listener_.get(), static_cast<int>(kClientsMax)) != 0)
    return "listen " + std::to_string(rules_.listen_port) + ": " + std::strerror(errno);
  return {};
}

std::string Service::run() {
  signals_ = take_signals();
  if (!signals_.valid()) return std::string("signalfd: ") + std::strerror(errno);
  restore_uses();
  load_grants();
  if (std::string problem = listen(); !problem.empty()) return problem;
  log_line("guards " + address_text(rules_.machine) + " port " +
           std::to_string(rules_.machine_port) + ", listens on port " +
           std::to_string(rules_.listen_port));
  while (true) {
    Now at = now();
    tick(at);
    if (guardian_.wants_machine(at)) call_machine(at);
    std::vector<pollfd> polled = waits();
    if (::poll(polled.data(), polled.size(), patience_ms(at)) < 0 && errno != EINTR)
      return std::string("poll: ") + std::strerror(errno);
    if (polled[kSignalsAt].revents != 0) return {};
    at = now();
    // In the order of `polled`, which nobody came into since.
    auto next = polled.begin() + kClientsAt;
    for (auto client = clients_.begin(); client != clients_.end(); ++next) {
      const Guardian::ClientId id = client->first;
      ++client;
      if (next->revents != 0) move_client(id, next->revents, at);
    }
    if (polled[kMachineAt].revents != 0) move_machine(polled[kMachineAt].revents, at);
    if (polled[kListenerAt].revents != 0) accept_clients(at);
    guardian_.time_passed(at);
    close_finished(at);
  }
}

void Service::tick(Now at) {
  if (at.steady_ms >= next_tick_ms_) {
    next_tick_ms_ = at.steady_ms + kTickMs;
    load_grants();
  }
  if (at.steady_ms < next_well_ms_ || std::getenv("PAVISE_APP") == nullptr) return;
  next_well_ms_ = at.steady_ms + kWellEveryMs;
  const char well = 1;
  (void)!::send(kAppChannel, &well, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::vector<pollfd> Service::waits() const {
  std::vector<pollfd> out(kClientsAt);
  out[kSignalsAt] = {.fd = signals_.get(), .events = POLLIN, .revents = 0};
  out[kListenerAt] = {.fd = listener_.get(), .events = POLLIN, .revents = 0};
  const bool sends = calling_ || !guardian_.for_machine().empty();
  out[kMachineAt] = {.fd = machine_.get(),
                     .events = static_cast<short>(POLLIN | (sends ? POLLOUT : 0)),
                     .revents = 0};
  for (const auto& [id, socket] : clients_) {
    short events = 0;
    if (guardian_.room_for(id) > 0) events |= POLLIN;
    if (!guardian_.for_client(id).empty()) events |= POLLOUT;
    out.push_back({.fd = socket.get(), .events = events, .revents = 0});
  }
  return out;
}

int Service::patience_ms(Now at) const {
  const std::int64_t until = std::min(next_tick_ms_, guardian_.wakes_at_ms());
  return static_cast<int>(std::clamp<std::int64_t>(until - at.steady_ms, 0, kTickMs));
}

void Service::call_machine(Now at) {
  guardian_.machine_called(at);
  machine_ = new_socket();
  const sockaddr_in to = place(rules_.machine, rules_.machine_port);
  calling_ = true;
  if (machine_.valid() &&
      (::connect(machine_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ||
       errno == EINPROGRESS)) {
    set_on(machine_.get(), IPPROTO_TCP, TCP_NODELAY);
    return;
  }
  guardian_.machine_left(std::strerror(errno), at);
  machine_ = Descriptor();
  calling_ = false;
}

void Service::move_machine(short events, Now at) {
  if (calling_) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(machine_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      machine_ = Descriptor();
      guardian_.machine_left(std::strerror(error), at);
      return;
    }
    calling_ = false;
    guardian_.machine_came(at);
    return;
  }
  if ((events & POLLOUT) != 0) {
    const ByteView bytes = guardian_.for_machine();
    const ssize_t sent = ::send(machine_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) guardian_.machine_took(static_cast<std::size_t>(sent));
  }
  if ((events & ~POLLOUT) != 0) receive_from_machine(at);
}

void Service::receive_from_machine(Now at) {
  std::array<std::uint8_t, 2 * kFrameBytesMax> bytes{};
  const ssize_t size = ::recv(machine_.get(), bytes.data(), guardian_.room_for_machine(), 0);
  if (size > 0) {
    guardian_.machine_said(ByteView(bytes).first(static_cast<std::size_t>(size)), at);
    return;
  }
  if (size < 0 && is_passing(errno)) return;
  const std::string why = size == 0 ? "the machine closed it" : std::strerror(errno);
  machine_ = Descriptor();
  guardian_.machine_left(why, at);
}

void Service::accept_clients(Now at) {
  sockaddr_in from{};
  socklen_t size = sizeof from;
  Descriptor socket(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) return;
  set_on(socket.get(), IPPROTO_TCP, TCP_NODELAY);
  if (const auto id = guardian_.client_came(ntohl(from.sin_addr.s_addr), at))
    clients_.emplace(*id, std::move(socket));
}

void Service::move_client(Guardian::ClientId id, short events, Now at) {
  const int socket = clients_.at(id).get();
  bool stays = (events & (POLLERR | POLLHUP | POLLNVAL)) == 0;
  if (stays && (events & POLLIN) != 0) stays = receive_from(id, socket, at);
  if (stays && (events & POLLOUT) != 0) stays = send_to(id, socket, at);
  if (stays) return;
  clients_.erase(id);
  guardian_.client_left(id);
}

bool Service::receive_from(Guardian::ClientId id, int socket, Now at) {
  const std::size_t room = guardian_.room_for(id);
  if (room == 0) return true;
  std::array<std::uint8_t, 2 * kFrameBytesMax> bytes{};
  const ssize_t size = ::recv(socket, bytes.data(), room, 0);
  if (size <= 0) return size < 0 && is_passing(errno);
  guardian_.client_said(id, ByteView(bytes).first(static_cast<std::size_t>(size)), at);
  return true;
}

bool Service::send_to(Guardian::ClientId id, int socket, Now at) {
  const ByteView bytes = guardian_.for_client(id);
  const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0) return is_passing(errno);
  guardian_.client_took(id, static_cast<std::size_t>(sent), at);
  return true;
}

void Service::close_finished(Now at) {
  for (auto client = clients_.begin(); client != clients_.end();) {
    const Guardian::ClientId id = client->first;
    ++client;
    if (!guardian_.finished_with(id)) continue;
    clients_.erase(id);
    guardian_.client_left(id);
  }
  if (!guardian_.finished_with_machine()) return;
  machine_ = Descriptor();
  guardian_.machine_left({}, at);
}

}  // namespace modbus_guardian
