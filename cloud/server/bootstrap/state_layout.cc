#include "cloud/server/bootstrap/state_layout.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "cloud/server/bootstrap/files.h"

namespace pavise::server {
namespace {

constexpr std::array<std::string_view, 11> kMoved = {
    "tls.pem",         "service-ca.pem",  "ports.json",       "registry.db",
    "registry.db-wal", "registry.db-shm", "registry.db.lock", "twins.db",
    "twins.db-wal",    "twins.db-shm",    "telemetry"};
constexpr std::array<std::string_view, 2> kLinked = {"service-ca.pem", "ports.json"};

Error unusable(const std::string& path) {
  return {kStateUnusable, path + ": " + std::strerror(errno)};
}

std::string in(const std::string& directory, std::string_view name) {
  return std::string(directory).append("/").append(name);
}

bool is_ours_to_move(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

}  // namespace

std::string data_directory(const std::string& state_directory) {
  return state_directory + "/data";
}
std::string signer_keys_directory(const std::string& state_directory) {
  return state_directory + "/signer";
}

Status prepare_state(const std::string& state_directory) {
  const std::string data = data_directory(state_directory);
  PAVISE_TRY(make_private_directory(data));
  for (const std::string_view name : kMoved) {
    const std::string from = in(state_directory, name);
    const std::string to = in(data, name);
    if (!is_ours_to_move(from)) continue;
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
      return unusable(from + ", which would move to data/");
  }
  // Of a server that was killed; whoever waits for the new one must not find it through the link.
  if (::unlink((data + "/ports.json").c_str()) != 0 && errno != ENOENT)
    return unusable(data + "/ports.json");
  for (const std::string_view name : kLinked)
    if (::symlink(in("data", name).c_str(), in(state_directory, name).c_str()) != 0 &&
        errno != EEXIST)
      return unusable(in(state_directory, name));
  return {};
}

}  // namespace pavise::server
