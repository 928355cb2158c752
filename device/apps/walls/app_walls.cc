#include "device/apps/walls/app_walls.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "protocol/dev_grant/debugger_files.h"

namespace pavise::device {
namespace {

static_assert(kAppUserMin == kFirstAppUid);

class RunningProgram final : public Program {
 public:
  explicit RunningProgram(Compartment compartment) : compartment_(std::move(compartment)) {}
  int output() const override { return compartment_.output(); }
  int end_descriptor() const override { return compartment_.end_descriptor(); }
  void ask_to_end() override { compartment_.ask_to_end(); }
  void kill() override { compartment_.kill(); }
  Result<Ending> wait() override { return compartment_.wait(); }

 private:
  Compartment compartment_;
};

// Also for an app without the network: it has a network namespace of its own, and this wall too.
Result<EgressGuard> make_guard(const AppGroup& group, const AppPolicy& policy) {
  PAVISE_TRY_ASSIGN(EgressGuard guard, EgressGuard::attach(group.folder()));
  for (const Peers& peers : policy.peers) PAVISE_TRY(guard.allow(peers));
  for (const ListeningPort& port : policy.ports) PAVISE_TRY(guard.allow(port));
  return guard;
}

}  // namespace

AppWalls::AppWalls(uid_t user, std::uint8_t number, AppGroup group, EgressGuard guard,
                   ContentMount mount)
    : user_(user),
      number_(number),
      group_(std::move(group)),
      guard_(std::move(guard)),
      mount_(std::move(mount)) {}

Result<std::unique_ptr<Walls>> AppWalls::put_up(const InstalledApp& app, uid_t user,
                                                std::uint8_t number, const Ground& ground) {
  const std::string& name = app.manifest().name;
  const std::string folder = ground.mounts + '/' + name;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return Error(kContentNotMounted, folder + ": " + std::strerror(errno));
  PAVISE_TRY(AppGroup::clear(ground.groups, name));
  PAVISE_TRY_ASSIGN(AppGroup group, AppGroup::create(ground.groups, name, app.policy.budget));
  PAVISE_TRY_ASSIGN(EgressGuard guard, make_guard(group, app.policy));
  const std::string mapping = to_hex(app.manifest().component_id.bytes());
  PAVISE_TRY_ASSIGN(ContentMount mount, ContentMount::mount(app.package, mapping, folder));
  std::unique_ptr<AppWalls> out(
      new AppWalls(user, number, std::move(group), std::move(guard), std::move(mount)));
  PAVISE_TRY(out->provide_storage(app, ground.storage));
  if (!app.policy.named_peers.empty()) PAVISE_TRY(out->provide_names(app.policy, ground.names()));
  return std::unique_ptr<Walls>(std::move(out));
}

AppWalls::~AppWalls() {
  if (names_ != nullptr) names_->remove_app(number_);
  (void)group_.remove().has_value();
}

Status AppWalls::provide_storage(const InstalledApp& app, AppStorage* storage) {
  const StorageGrant wanted = storage_of(app.policy);
  if (wanted.bytes() == 0) return {};
  if (storage == nullptr) return Error(kStorageFailed, "the data partition is closed");
  PAVISE_TRY_ASSIGN(storage_, storage->provide(app.manifest().component_id, user_, wanted));
  quota_ = storage;
  return {};
}

Status AppWalls::provide_names(const AppPolicy& policy, NameService* names) {
  if (names == nullptr) return kNamesNotStarted;
  PAVISE_TRY_ASSIGN(ResolverSockets sockets, bind_resolver(number_));
  for (const int type : {SOCK_DGRAM, SOCK_STREAM})
    PAVISE_TRY(guard_.pin(resolver_address(number_), type, kNamePort, std::nullopt));
  PAVISE_TRY(names->add_app(number_, std::move(sockets), policy.named_peers));
  names_ = names;
  return {};
}

CompartmentSpec AppWalls::spec(const Run& run) const {
  const manifest::Manifest& manifest = run.app.manifest();
  std::vector<std::string> environment{"HOME=/data", "TMPDIR=/tmp", "PAVISE_APP=" + manifest.name,
                                       "PAVISE_COMPONENT_ID=" + manifest.component_id.text(),
                                       "PAVISE_VERSION=" + manifest.version.text()};
  if (!storage_.certificates.empty()) environment.emplace_back("PAVISE_CERTIFICATES=/certificates");
  return {.name = manifest.name,
          .user = user_,
          .root = {.image = mount_.folder(),
                   .storage = storage_.files,
                   .certificates = storage_.certificates,
                   .devices = run.policy.devices,
                   .temporary_bytes_max = run.policy.budget.temporary_bytes_max,
                   .resolver = names_ == nullptr ? std::string() : resolver_text(number_)},
          .arguments = run.policy.arguments,
          .environment = std::move(environment),
          .network = run.policy.network,
          .open_files_max = run.policy.budget.open_files_max,
          .filter = run.policy.filter,
          .descriptors = run.descriptors,
          .console = run.console,
          .debugger = run.policy.debugger};
}

bool AppWalls::has_debugger() const {
  struct stat info{};
  const std::string path = mount_.folder() + std::string(dev_grant::kDebuggerProgram);
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

Result<std::unique_ptr<Program>> AppWalls::start(const Run& run) {
  PAVISE_TRY_ASSIGN(const RequestedLines lines,
                    RequestedLines::request(run.app.policy.lines, run.app.manifest().name));
  PAVISE_TRY(group_.set_budget(run.policy.budget));
  PAVISE_TRY(group_.lift_processor_limit());
  CompartmentSpec to_start = spec(run);
  lines.give(to_start);
  auto started = Compartment::start(to_start, group_);
  // An app that cannot be held to it does not stay.
  const Status limited = group_.set_processor_limit();
  if (!started) return started.error();
  if (!limited) return limited.error();
  return std::unique_ptr<Program>(std::make_unique<RunningProgram>(*std::move(started)));
}

}  // namespace pavise::device
