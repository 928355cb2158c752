#include "cli/context/contexts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace pavise::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kDeviceIdSize = 64;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ > STDERR_FILENO) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

Error file_error(const std::string& path) {
  return {kFileUnreadable, path + ": " + std::strerror(errno)};
}

Result<std::string> read_all(int fd, const std::string& path, std::size_t size_max) {
  std::string out;
  char buffer[8192];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path);
    if (got == 0) return out;
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > size_max) return Error(kFileUnreadable, path + " is too large");
  }
}

Result<std::string> text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return Error(kBadContextFile, std::string(name) + " is no text");
  return std::string(value->as_string());
}

// The object of this name; nullptr if there is none.
Result<const json::object*> object_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) return Error(kBadContextFile, std::string(name) + " is no object");
  return &value->as_object();
}

Status read_devices(const json::object& object, Context& out) {
  PAVISE_TRY_ASSIGN(const json::object* devices, object_member(object, "devices"));
  if (devices == nullptr) return {};
  for (const auto& [name, value] : *devices) {
    PAVISE_TRY_ASSIGN(std::string id, text_member(*devices, name));
    if (!is_device_name(name))
      return Error(kBadContextFile, "devices: " + std::string(name) + " can be no device's name");
    if (id.size() != kDeviceIdSize || !is_hex(id))
      return Error(kBadContextFile, "devices: " + std::string(name) + " names no device id");
    out.devices.emplace(name, std::move(id));
  }
  return {};
}

Result<Context> read_context(const json::object& object) {
  Context out;
  PAVISE_TRY_ASSIGN(out.url, text_member(object, "url"));
  PAVISE_TRY_ASSIGN(out.ca, text_member(object, "ca"));
  PAVISE_TRY_ASSIGN(out.token, text_member(object, "token"));
  PAVISE_TRY(read_devices(object, out));
  PAVISE_TRY_ASSIGN(const json::object* app, object_member(object, "app"));
  if (app == nullptr) return out;
  PAVISE_TRY_ASSIGN(out.app_key, text_member(*app, "key"));
  PAVISE_TRY_ASSIGN(out.app_tenant, text_member(*app, "tenant"));
  return out;
}

json::object write_context(const Context& context) {
  json::object out{{"url", context.url}, {"ca", context.ca}, {"token", context.token}};
  json::object devices;
  for (const auto& [name, id] : context.devices) devices[name] = id;
  if (!devices.empty()) out["devices"] = std::move(devices);
  json::object app;
  if (!context.app_key.empty()) app["key"] = context.app_key;
  if (!context.app_tenant.empty()) app["tenant"] = context.app_tenant;
  if (!app.empty()) out["app"] = std::move(app);
  return out;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno != EINTR) return file_error(path);
    if (put > 0) text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

bool is_device_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kDeviceNameSizeMax && name[0] >= 'a' && name[0] <= 'z' &&
         std::ranges::all_of(name, fits) && !is_hex(name);
}

const std::string* Context::device(std::string_view name) const {
  const auto found = devices.find(name);
  return found == devices.end() ? nullptr : &found->second;
}

Result<std::string> Context::ca_pem() const {
  if (ca.find("-----BEGIN") != std::string::npos) return ca;
  return read_text_file(ca, kContextFileSizeMax);
}

Result<Contexts> Contexts::parse(std::string_view text) {
  boost::system::error_code failed;
  const json::value root = json::parse(text, failed);
  if (failed || !root.is_object()) return Error(kBadContextFile, "not a JSON object");
  Contexts out;
  PAVISE_TRY_ASSIGN(out.current, text_member(root.as_object(), "current"));
  const json::value* contexts = root.as_object().if_contains("contexts");
  if (contexts == nullptr) return out;
  if (!contexts->is_object()) return Error(kBadContextFile, "contexts is no object");
  for (const auto& [name, value] : contexts->as_object()) {
    if (!value.is_object()) return Error(kBadContextFile, "a context is no object");
    PAVISE_TRY_ASSIGN(Context context, read_context(value.as_object()));
    out.all.emplace(std::string(name), std::move(context));
  }
  return out;
}

std::string Contexts::to_json() const {
  json::object contexts;
  for (const auto& [name, context] : all) contexts[name] = write_context(context);
  return json::serialize(json::object{{"current", current}, {"contexts", contexts}}) + "\n";
}

Result<Context> Contexts::find(const std::string& name) const {
  const std::string& wanted = name.empty() ? current : name;
  if (wanted.empty()) return Error(kNoContext);
  const auto found = all.find(wanted);
  if (found == all.end()) return Error(name.empty() ? kNoContext : kUnknownContext, wanted);
  return found->second;
}

std::string context_path() {
  if (const std::string path = environment("PAVISE_CONTEXT"); !path.empty()) return path;
  std::string folder = environment("XDG_CONFIG_HOME");
  if (folder.empty()) folder = environment("HOME") + "/.config";
  return folder + "/pavise/contexts.json";
}

Result<Contexts> load_contexts(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) {
    if (errno == ENOENT) return Contexts{};
    return file_error(path);
  }
  struct stat facts{};
  if (fstat(file.fd(), &facts) != 0) return file_error(path);
  if ((facts.st_mode & 077U) != 0)
    return Error(kBadContextFile, path + " holds a token and others may read it: chmod 600");
  PAVISE_TRY_ASSIGN(const std::string text, read_all(file.fd(), path, kContextFileSizeMax));
  auto contexts = Contexts::parse(text);
  if (!contexts) return Error(kBadContextFile, path + ": " + contexts.error().detail());
  return contexts;
}

Status save_contexts(const std::string& path, const Contexts& contexts) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (!folder.empty() && std::filesystem::create_directories(folder, failed))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  const std::string temporary = path + ".new";
  {
    const File file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.fd() < 0 || fchmod(file.fd(), 0600) != 0) return file_error(temporary);
    PAVISE_TRY(write_all(file.fd(), contexts.to_json(), temporary));
    if (fsync(file.fd()) != 0) return file_error(temporary);
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return file_error(path);
  return {};
}

Result<std::string> read_text_file(const std::string& path, std::size_t size_max) {
  if (path == "-") return read_all(STDIN_FILENO, "standard input", size_max);
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return file_error(path.empty() ? "(no path)" : path);
  return read_all(file.fd(), path, size_max);
}

}  // namespace pavise::cli
