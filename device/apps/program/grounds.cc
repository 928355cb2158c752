#include "device/apps/program/grounds.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace pavise::device {
namespace {

constexpr std::size_t kOwnerBytesMax = 8192;

Error failed(const std::string& what) {
  return {kNoGround, what + ": " + std::strerror(errno)};
}

Result<std::string> read_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(kOwnerBytesMax + 1, '\0');
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size < 0) return failed(path);
  if (static_cast<std::size_t>(size) > kOwnerBytesMax)
    return Error(kBadOwnerKeys, path + " is too long");
  text.resize(static_cast<std::size_t>(size));
  return text;
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return failed(path);
  return {};
}

// Apps with network rights share the device's network, and see of /proc what is their own: with it
// they would see everybody's connections. The name server that the network gave is no secret.
Status close_network_tables() {
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::recursive_directory_iterator entry("/proc/self/net", error), end; entry != end;
       entry.increment(error)) {
    if (error || entry->path().filename() == "pnp" || entry->is_directory(error)) continue;
    if (::chmod(entry->path().c_str(), 0400) != 0) return failed(entry->path());
  }
  if (error) return Error(kNoGround, "/proc/self/net: " + error.message());
  return {};
}

}  // namespace

Result<Owner> read_owner(const AppPaths& paths) {
  PAVISE_TRY_ASSIGN(const std::string keys, read_file(paths.owner_keys));
  PAVISE_TRY_ASSIGN(const std::string tenant, read_file(paths.owner_tenant));
  return parse_owner(tenant, keys);
}

std::string read_name_server(const AppPaths& paths) {
  auto text = read_file(paths.name_server);
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return *std::move(text);
}

Status make_grounds(const AppPaths& paths) {
  PAVISE_TRY(close_network_tables());
  PAVISE_TRY(make_folder(paths.mounts));
  PAVISE_TRY(make_folder(paths.groups));
  const std::string control = paths.groups + "/cgroup.subtree_control";
  constexpr std::string_view kControllers = "+memory +pids +cpu";
  const UniqueFd file(::open(control.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), kControllers.data(), kControllers.size()) < 0)
    return failed(control);
  return {};
}

void erase_orphans(AppStorage& storage, const Installation& installation, const Tell& tell) {
  if (!installation.refused.empty()) return;
  for (const auto& [component, user] : storage.owners()) {
    const bool installed = std::ranges::any_of(
        installation.apps,
        [&component](const InstalledApp& app) { return app.manifest().component_id == component; });
    if (installed) continue;
    const Status erased = storage.erase(component);
    tell(erased ? "event launcher: erased the storage of " + component.text()
                : erased.error().message());
  }
}

}  // namespace pavise::device
