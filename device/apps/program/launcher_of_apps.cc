#include "device/apps/program/launcher_of_apps.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>

#include "common/crypto/crypto.h"
#include "common/ipc/descriptors.h"
#include "device/apps/gpio/simulated_chips.h"
#include "device/apps/hardware/hardware_definition.h"
#include "device/apps/house/house.h"
#include "device/apps/house/house_names.h"
#include "device/apps/housekeeping/house_control.h"
#include "device/apps/housekeeping/house_debuggees.h"
#include "device/apps/machine/known_time.h"
#include "device/apps/machine/power_profile.h"
#include "device/apps/measurement/app_measurements.h"
#include "device/apps/walls/app_walls.h"
#include "device/init_wire/init_wire.h"

namespace pavise::device {
namespace {

constexpr uid_t kNamesUid = 30;
constexpr uid_t kInspectorUid = 31;
constexpr std::int64_t kTurnMs = 60'000;
constexpr std::int64_t kStopMs = 2500;    // init waits three seconds
constexpr std::size_t kSessionBytes = 6;  // numbers that every JSON has as they are
constexpr std::size_t kChannels = 3;      // monitor's, agent's, agent's for those of apps

void print(const std::string& line) {
  const std::string text = line + '\n';
  (void)!::write(STDOUT_FILENO, text.data(), text.size());
}

// Init ends everything in order: also us, by SIGTERM.
Status ask_init(const InitWord& word) {
  const Bytes packet = encode(word);
  if (::send(kInitChannel, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    return Error(kNoGround, std::string("init: ") + std::strerror(errno));
  return {};
}

Status ask_for_power(app_wire::PowerAction action) {
  return action == app_wire::PowerAction::restart ? ask_init(RestartDevice{})
                                                  : ask_init(PowerOffDevice{});
}

// By init, and where it can be.
class InitsTime final : public Timekeeper {
 public:
  InitsTime(KnownTime& known, const Clock& clock) : known_(known), clock_(clock) {}
  UnixMillis clock_ms() const override { return clock_.now_ms(); }
  Answer set(UnixMillis to_ms) override {
    const KnownTime::Verdict verdict = known_.judge(to_ms);
    if (verdict.outcome != app_wire::Outcome::done) return {verdict.outcome, verdict.wait_ms};
    const Status asked = ask_init(SetClock{to_ms});
    return {asked ? app_wire::Outcome::done : app_wire::Outcome::failed, 0};
  }

 private:
  KnownTime& known_;
  const Clock& clock_;
};

class LauncherOfApps {
 public:
  LauncherOfApps(const AppPaths& paths, Owner owner, const Clock& clock, UniqueFd signals,
                 AppMeasurements measured, std::uint64_t session,
                 std::optional<std::int64_t> clock_ahead_ms)
      : paths_(paths),
        clock_(clock),
        signals_(std::move(signals)),
        rules_{.owner = std::move(owner), .hardware = read_hardware(), .inspector = kInspectorUid},
        measured_(std::move(measured)),
        known_time_(clock, clock_ahead_ms),
        names_({.program = paths.resolver, .user = kNamesUid, .upstream = read_name_server(paths)},
               clock, print),
        house_({.put_up = [this](const InstalledApp& app, uid_t user,
                                 std::uint8_t number) { return put_up(app, user, number); },
                .clock = clock,
                .tell = print,
                .measure = [this](const InstalledApp& app,
                                  const Digest256& policy) { return measure(app, policy); },
                .introduce = [this](const std::string& packet,
                                    int end) { return introduce(packet, end); },
                .power = ask_for_power,
                .set_profile =
                    [](app_wire::PowerAction profile) { return set_power_profile(profile); },
                .time = time_}),
        debugging_(debuggees_,
                   Grants({.owner_keys = rules_.owner.keys,
                           .device = [this] { return which_device(); },
                           .taken = [this] { return taken_grants(); },
                           .clock = known_time_}),
                   clock, session) {}

  void live() {
    bool started = false;
    while (true) {
      std::vector<int> others{signals_.get(), kInitChannel};
      // Who asks before all is measured waits.
      if (started && agent_) others.push_back(agent_->fd());
      const std::int64_t wait_ms = std::min(kTurnMs, debugging_.wait_ms());
      const std::vector<int> ready = turn(std::move(others), house_.start_next() ? 0 : wait_ms);
      if (std::ranges::count(ready, signals_.get()) != 0) break;
      debugging_.on_time();
      if (started && agent_ && std::ranges::count(ready, agent_->fd()) != 0) serve_agent();
      if (std::ranges::count(ready, kInitChannel) != 0 && !take_channels()) break;
      if (started || !monitor_) continue;
      started = true;
      move_in();
    }
    house_.stop_all(kStopMs);
  }

 private:
  // Without one that is understood the device has none: who wants hardware is refused.
  HardwareDefinition read_hardware() const {
    auto hardware = read_hardware_definition(paths_.hardware);
    Status ready =
        hardware ? simulate_chips(hardware->simulated, paths_.simulator) : Status(hardware.error());
    if (ready) return *std::move(hardware);
    print("event hardware: " + ready.error().message());
    return {};
  }
  // Waits for something, looks after apps and the names they ask for. Those of `others` that can be
  // read are returned.
  std::vector<int> turn(std::vector<int> others, std::int64_t wait_ms) {
    const int names = names_.descriptor();
    if (names >= 0) others.push_back(names);
    std::vector<int> ready = house_.turn(others, std::min(wait_ms, names_.wait_ms()));
    if (names >= 0 && std::ranges::count(ready, names) != 0) names_.serve(house_);
    names_.look_after();
    return ready;
  }

  bool take_channels() {
    auto packet = ipc::receive_descriptors(kInitChannel);
    if (!packet) return false;
    if (packet->descriptors.size() != kChannels) return true;
    monitor_ = std::move(packet->descriptors[0]);
    agent_ = std::make_unique<ipc::SeqpacketChannel>(std::move(packet->descriptors[1]));
    app_channels_ = std::move(packet->descriptors[2]);
    // A monitor that was started again has to know before it is asked for evidence.
    if (const Status told = connect_monitor(); !told) print(told.error().message());
    house_.introduce_all();
    return true;
  }

  Status connect_monitor() {
    UniqueFd ours(::fcntl(monitor_.get(), F_DUPFD_CLOEXEC, 0));
    return measured_.connect(ipc::SeqpacketChannel(std::move(ours)));
  }

  // Never waits. An agent that left, or that takes no answers, is not served any more: init sends
  // the channels of the next one.
  void serve_agent() {
    const auto packet = agent_->receive(apps_ipc::kMessageBytesMax, 0);
    if (!packet && packet.error().is(ipc::kTimedOut)) return;
    const bool is_over = !packet && !packet.error().is(ipc::kPacketTooLong);
    if (is_over || !agent_->send(answer(packet, control_), 0)) agent_.reset();
  }

  void move_in() {
    open_data();
    // Without the floors nothing of it is believed.
    Installation installation =
        read_installation(paths_.packages, store_ ? paths_.deployed : std::string(), rules_);
    for (const RefusedPackage& refused : installation.refused)
      print("event " + refused.path.substr(refused.path.rfind('/') + 1) +
            ": refused: " + refused.why.message());
    if (storage_) erase_orphans(*storage_, installation, print);
    std::vector<manifest::ComponentId> components;
    components.reserve(installation.apps.size());
    for (const InstalledApp& app : installation.apps)
      components.push_back(app.manifest().component_id);
    const AppUsers users = assign_users(components, storage_ ? storage_->owners() : AppUsers{});
    for (InstalledApp& app : installation.apps) {
      if (store_) keep_floor(app);
      const uid_t user = users.at(app.manifest().component_id);
      (void)house_.move_in(std::move(app), user);
    }
    measure_all();
    house_.start_all_later();
    print("up: " + std::to_string(house_.apps().size()) + " apps, " +
          std::to_string(installation.refused.size()) + " packages refused");
  }

  Result<std::unique_ptr<Walls>> put_up(const InstalledApp& app, uid_t user, std::uint8_t number) {
    return AppWalls::put_up(
        app, user, number,
        {paths_.groups, paths_.mounts, storage_.get(), [this] { return names_.service(); }});
  }

  // An end between two writes of an earlier deployment may have left it low.
  void keep_floor(const InstalledApp& app) {
    const image::Header& header = app.header();
    if (const Status kept = store_->raise_floor(header.component_id, header.security_epoch); !kept)
      print("event " + app.manifest().name + ": " + kept.error().message());
  }

  // What apps keep, and packages that came later: without the data partition there is none of it.
  void open_data() {
    auto storage = AppStorage::open(paths_.storage);
    auto store = storage ? PackageStore::open(paths_.deployed) : storage.error();
    if (!store) {
      print(store.error().message());
      return;
    }
    taken_ = TakenGrants::open(paths_.taken_grants);
    if (!taken_) print(taken_.error().message());
    storage_ = std::make_unique<AppStorage>(*std::move(storage));
    store_ = std::make_unique<PackageStore>(*std::move(store));
    auto floors = store_->floors();
    if (!floors) {
      print(floors.error().message());
      store_.reset();
      return;
    }
    rules_.floors = *std::move(floors);
    deploying_.emplace(Deploying::Surroundings{
        .house = house_,
        .store = *store_,
        .storage = *storage_,
        .rules = rules_,
        .image_folder = paths_.packages,
        .clock = clock_,
        .tell = print,
        .measure = [this](const InstalledApp& app) { return measure(app, app.policy.digest); },
        .turn =
            [this](std::int64_t wait_ms) {
              const auto ready = turn({signals_.get()}, wait_ms);
              return std::ranges::count(ready, signals_.get()) == 0;
            }});
    control_.set_deploying(&*deploying_);
  }

  // All before the first is started: the agent's first evidence then has them. What fails here is
  // said when the app is to be started.
  void measure_all() {
    for (const auto& app : house_.apps())
      (void)measure(app->app(), app->app().policy.digest).has_value();
  }

  Result<DeviceId> which_device() {
    if (!measured_.connected()) PAVISE_TRY(connect_monitor());
    return measured_.device();
  }

  Result<TakenGrants*> taken_grants() {
    if (storage_ && !taken_ && taken_.error().is(kTakenNotKept))
      taken_ = TakenGrants::open(paths_.taken_grants);
    if (!taken_) return taken_.error();
    return &*taken_;
  }

  // Of an app that is to be debugged it is another policy's digest.
  Status measure(const InstalledApp& app, const Digest256& policy_digest) {
    if (!measured_.connected()) PAVISE_TRY(connect_monitor());
    return measured_.measure({.component = app.manifest().component_id,
                              .version = app.manifest().version,
                              .policy_digest = policy_digest,
                              .content_digest = app.header().root_hash});
  }

  // To the agent of now. Never waits: an agent that does not read gets no apps.
  Status introduce(const std::string& packet, int hub_end) const {
    return ipc::send_with_descriptors(app_channels_.get(), as_bytes(packet), std::array{hub_end},
                                      0);
  }

  AppPaths paths_;
  const Clock& clock_;
  UniqueFd signals_;
  UniqueFd monitor_;
  UniqueFd app_channels_;  // the agent's descriptor 5
  std::unique_ptr<ipc::SeqpacketChannel> agent_;
  InstallRules rules_;
  AppMeasurements measured_;
  std::unique_ptr<AppStorage> storage_;  // null: the data partition is closed
  std::unique_ptr<PackageStore> store_;  // as storage_
  Result<TakenGrants> taken_ = Error(kTakenNotKept, "the data partition is closed");
  KnownTime known_time_;
  InitsTime time_{known_time_, clock_};
  HouseNames names_;
  House house_;
  std::optional<Deploying> deploying_;
  HouseDebuggees debuggees_{house_};
  Debugging debugging_;
  HouseControl control_{house_, debugging_, known_time_};
};

}  // namespace

Status launch_apps(const AppPaths& paths, const Clock& clock,
                   std::optional<std::int64_t> clock_ahead_ms) {
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGTERM);
  UniqueFd signals(::signalfd(-1, &heard, SFD_CLOEXEC));
  if (!signals) return Error(kNoGround, std::strerror(errno));
  PAVISE_TRY_ASSIGN(Owner owner, read_owner(paths));
  PAVISE_TRY(make_grounds(paths));
  PAVISE_TRY_ASSIGN(AppMeasurements measured, AppMeasurements::open(paths.measured));
  std::array<std::byte, 8> session{};
  PAVISE_TRY(crypto::random_fill(std::span(session).first(kSessionBytes)));
  LauncherOfApps launcher(paths, std::move(owner), clock, std::move(signals), std::move(measured),
                          ByteReader(session).le<std::uint64_t>().value_or(0), clock_ahead_ms);
  launcher.live();
  return {};
}

}  // namespace pavise::device
