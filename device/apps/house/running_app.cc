#include "device/apps/house/running_app.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>

#include "protocol/dev_grant/debugger_files.h"

namespace pavise::device {
namespace {

static_assert(kAppUserMin == kFirstAppUid);
constexpr int kLinesPerMinute = 60;
constexpr std::size_t kReadBytes = 4096;
constexpr int kLastReads = 16;           // 64 KiB, as much as a pipe holds
constexpr std::size_t kRefusedTold = 8;  // at a time
constexpr std::size_t kIpv4At = 12;
static_assert(kBudgetPeriodUs == 100'000);  // as the event says

std::string text_of(const AddressBytes& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr AddressBytes kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool v4 = std::equal(kMapped.begin(), kMapped.begin() + kIpv4At, address.begin());
  if (v4)
    ::inet_ntop(AF_INET, address.data() + kIpv4At, text.data(), text.size());
  else
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

std::string times(std::uint64_t count) {
  return count == 1 ? std::string() : " (" + std::to_string(count) + " times)";
}

std::string refusal_words(const RefusedPeer& peer) {
  const std::string protocol = peer.socket_type == SOCK_DGRAM ? "udp " : "tcp ";
  const std::string where =
      peer.listening ? "to listen on " + protocol : protocol + text_of(peer.address) + ' ';
  return where + "port " + std::to_string(peer.port) + times(peer.attempts);
}

// Also for an app without the network: it has a network namespace of its own, and this wall too.
Result<EgressGuard> make_guard(const AppGroup& group, const AppPolicy& policy) {
  PAVISE_TRY_ASSIGN(EgressGuard guard, EgressGuard::attach(group.folder()));
  for (const Peers& peers : policy.peers) PAVISE_TRY(guard.allow(peers));
  for (const ListeningPort& port : policy.ports) PAVISE_TRY(guard.allow(port));
  return guard;
}

}  // namespace

RunningApp::RunningApp(InstalledApp app, uid_t user, std::uint8_t number, AppGroup group,
                       EgressGuard guard, ContentMount mount, const Clock& clock, const Tell& tell)
    : app_(std::move(app)),
      user_(user),
      number_(number),
      group_(std::move(group)),
      guard_(std::move(guard)),
      mount_(std::move(mount)),
      clock_(clock),
      tell_(tell),
      life_(app_.policy.life),
      relay_(
          app_.manifest().name,
          [this](std::string_view line) {
            line.remove_suffix(1);  // its end
            tell_(std::string(line));
            log_.add(line.substr(std::min(line.size(), name().size() + 2)), clock_.steady_ms());
          },
          kLinesPerMinute),
      events_(group_.events()),
      held_back_(events_.periods_held_back, clock.steady_ms()),
      hub_(app_.manifest().name) {}

Result<std::unique_ptr<RunningApp>> RunningApp::prepare(InstalledApp app, uid_t user,
                                                        std::uint8_t number, const Ground& ground,
                                                        const Clock& clock, const Tell& tell) {
  const std::string name = app.manifest().name;
  const std::string folder = ground.mounts + '/' + name;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return Error(kContentNotMounted, folder + ": " + std::strerror(errno));
  const std::string mapping = to_hex(app.manifest().component_id.bytes());
  PAVISE_TRY(AppGroup::clear(ground.groups, name));
  PAVISE_TRY(ContentMount::clear(mapping, folder));
  PAVISE_TRY_ASSIGN(AppGroup group, AppGroup::create(ground.groups, name, app.policy.budget));
  PAVISE_TRY_ASSIGN(EgressGuard guard, make_guard(group, app.policy));
  PAVISE_TRY_ASSIGN(ContentMount mount, ContentMount::mount(app.package, mapping, folder));
  std::unique_ptr<RunningApp> out(new RunningApp(std::move(app), user, number, std::move(group),
                                                 std::move(guard), std::move(mount), clock, tell));
  const AppPolicy& policy = out->app_.policy;
  if (policy.storage_bytes != 0) {
    if (ground.storage == nullptr) return Error(kStorageFailed, "the data partition is closed");
    PAVISE_TRY_ASSIGN(out->storage_, ground.storage->provide(out->app_.manifest().component_id,
                                                             user, policy.storage_bytes));
    out->quota_ = ground.storage;
  }
  if (!policy.named_peers.empty()) PAVISE_TRY(out->provide_names(ground.names()));
  return out;
}

RunningApp::~RunningApp() {
  compartment_.reset();
  if (names_ != nullptr) names_->remove_app(number_);
  (void)group_.remove().has_value();
}

Status RunningApp::provide_names(NameService* names) {
  if (names == nullptr) return kNamesNotStarted;
  PAVISE_TRY_ASSIGN(ResolverSockets sockets, bind_resolver(number_));
  for (const int type : {SOCK_DGRAM, SOCK_STREAM})
    PAVISE_TRY(guard_.pin(resolver_address(number_), type, kNamePort, std::nullopt));
  PAVISE_TRY(names->add_app(number_, std::move(sockets), app_.policy.named_peers));
  names_ = names;
  return {};
}

CompartmentSpec RunningApp::spec(std::vector<int> descriptors) const {
  const manifest::Manifest& manifest = app_.manifest();
  return {.name = name(),
          .user = user_,
          .root = {.image = mount_.folder(),
                   .storage = storage_,
                   .devices = policy().devices,
                   .temporary_bytes_max = policy().budget.temporary_bytes_max,
                   .resolver = names_ == nullptr ? std::string() : resolver_text(number_)},
          .arguments = policy().arguments,
          .environment = {"HOME=/data", "TMPDIR=/tmp", "PAVISE_APP=" + name(),
                          "PAVISE_COMPONENT_ID=" + manifest.component_id.text(),
                          "PAVISE_VERSION=" + manifest.version.text()},
          .network = policy().network,
          .open_files_max = policy().budget.open_files_max,
          .filter = policy().filter,
          .descriptors = std::move(descriptors),
          .console = debug_ ? debug_->console.get() : -1,
          .debugger = policy().debugger};
}

bool RunningApp::has_debugger() const {
  struct stat info{};
  const std::string path = mount_.folder() + std::string(dev_grant::kDebuggerProgram);
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

void RunningApp::take_up_next() {
  debug_ = std::exchange(next_, std::nullopt);
}

void RunningApp::introduce_to_agent(const Introduce& introduce) {
  if (const Status given = hub_.introduce(introduce); !given)
    tell("has no channel to the hub yet: " + given.error().message());
}

Status RunningApp::start(const Introduce& introduce) {
  PAVISE_TRY_ASSIGN(const RequestedLines lines, RequestedLines::request(app_.policy.lines, name()));
  PAVISE_TRY_ASSIGN(WordChannel::Made channel, WordChannel::make());
  std::vector<int> descriptors{channel.theirs.get()};
  UniqueFd hub;
  if (app_.manifest().capabilities.device_authentication) {
    PAVISE_TRY_ASSIGN(hub, hub_.open());
    introduce_to_agent(introduce);
    static_assert(kHubChannel == kAppChannel + 1);
    descriptors.push_back(hub.get());
  }
  events_ = group_.events();
  PAVISE_TRY(group_.set_budget(policy().budget));
  PAVISE_TRY(group_.lift_processor_limit());
  CompartmentSpec to_start = spec(std::move(descriptors));
  lines.give(to_start);
  auto started = Compartment::start(to_start, group_);
  // Its end of the console is the debugger's alone: who has the other one hears when it ends.
  if (debug_) debug_->console.reset();
  // An app that cannot be held to it does not stay.
  const Status limited = group_.set_processor_limit();
  if (!started || !limited) {
    hub_.close();
    return started ? limited.error() : started.error();
  }
  words_ = std::move(channel.ours);
  compartment_.emplace(*std::move(started));
  output_open_ = true;
  told_full_ = false;
  return {};
}

void RunningApp::ask_to_end() {
  if (compartment_) compartment_->ask_to_end();
}

void RunningApp::kill() {
  if (compartment_) compartment_->kill();
}

void RunningApp::tell(const std::string& what) {
  last_event_ = what;
  log_.add(what, clock_.steady_ms());
  tell_("event " + name() + ": " + what);
}

void RunningApp::tell_refusal(const std::string& what) {
  if (refusals_.take(clock_.steady_ms())) tell("refused: " + what);
}

bool RunningApp::read_output() {
  if (!compartment_) return false;
  std::array<std::byte, kReadBytes> bytes;
  const ssize_t size = ::read(compartment_->output(), bytes.data(), bytes.size());
  if (size > 0)
    relay_.feed(ByteView(bytes).first(static_cast<std::size_t>(size)), clock_.steady_ms());
  if (size == 0) output_open_ = false;
  return size > 0;
}

std::string RunningApp::words_for(const Ending& ending, const BudgetEvents& before) const {
  const BudgetEvents now = group_.events();
  if (now.killed_for_memory > before.killed_for_memory)
    return "ended: it wanted more memory than its " +
           std::to_string(policy().budget.memory_bytes_max / 1024) + " KiB";
  if (ending.forbidden_call()) return "ended: it made a system call that no app may make";
  if (ending.by_signal)
    return "ended by signal " + std::to_string(ending.code) + " (" +
           std::string(::sigdescr_np(ending.code) ? ::sigdescr_np(ending.code) : "unknown") + ')';
  return "ended with exit code " + std::to_string(ending.code);
}

bool RunningApp::take_end() {
  // Nobody writes any more: what is in the pipe is all.
  for (int reads = 0; reads < kLastReads && read_output(); ++reads) {
  }
  relay_.end(clock_.steady_ms());
  tell_refused();
  if (!compartment_) return false;
  const BudgetEvents before = events_;
  const auto ending = compartment_->wait();
  compartment_.reset();
  words_.close();
  hub_.close();
  if (ending)
    tell(words_for(*ending, before));
  else
    tell(ending.error().message());
  debug_.reset();
  events_ = group_.events();
  return !ending || ending->by_signal || ending->code != 0;
}

void RunningApp::tell_refused() {
  while (const auto conduct = words_.take_complaint()) tell(*conduct);
  const BudgetEvents now = group_.events();
  if (now.processes_refused > events_.processes_refused)
    tell_refusal("more processes than its " + std::to_string(policy().budget.processes_max - 1) +
                 times(now.processes_refused - events_.processes_refused));
  events_.processes_refused = now.processes_refused;
  if (const auto periods = held_back_.take(now.periods_held_back, clock_.steady_ms()))
    tell("held back: it wanted more processor time than its " +
         std::to_string(app_.policy.budget.cpu_per_mille / 10) + " % in " +
         std::to_string(*periods) + " tenths of a second");
  if (quota_ != nullptr && !told_full_ && quota_->is_full(user_)) {
    told_full_ = true;
    tell("its storage is full: " + std::to_string(app_.policy.storage_bytes / 1024) + " KiB");
  }
  const std::vector<RefusedPeer> refused = guard_.take_refused();
  for (const RefusedPeer& peer : std::span(refused).first(std::min(refused.size(), kRefusedTold)))
    tell_refusal(refusal_words(peer));
  if (refused.size() > kRefusedTold)
    tell_refusal(std::to_string(refused.size() - kRefusedTold) + " more peers");
  if (const std::uint64_t untold = refusals_.take_untold(clock_.steady_ms()); untold != 0)
    tell("refused: more than could be told" + times(untold));
}

}  // namespace pavise::device
