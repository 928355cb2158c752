#include "device/apps/deployment/package_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <limits>

#include "common/crypto/crypto.h"

namespace pavise::device {
namespace {

constexpr const char* kIncoming = "incoming";
constexpr const char* kFloorNew = "floor.new";
constexpr std::string_view kPackageEnding = ".pvimage";
constexpr std::string_view kFloorEnding = ".epoch";
constexpr auto kNoEpoch = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kEpochDigitsMax = 10;

Error failed(std::string_view what) {
  return {kStoreFailed, std::string(what) + ": " + std::strerror(errno)};
}

Status write_all(int file, ByteView bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t size = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return failed("write");
    bytes = bytes.subspan(static_cast<std::size_t>(size));
    offset += static_cast<std::uint64_t>(size);
  }
  return {};
}

std::uint32_t read_floor(int folder, const std::string& name) {
  const UniqueFd file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::array<char, kEpochDigitsMax + 1> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : -1;
  if (size <= 0 || static_cast<std::size_t>(size) > kEpochDigitsMax) return kNoEpoch;
  std::uint32_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + size, out);
  return error == std::errc() && end == text.data() + size ? out : kNoEpoch;
}

}  // namespace

Result<PackageStore> PackageStore::open(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return failed(folder);
  UniqueFd handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!handle || ::fchmod(handle.get(), 0700) != 0) return failed(folder);
  for (const char* const left : {kIncoming, kFloorNew})
    if (::unlinkat(handle.get(), left, 0) != 0 && errno != ENOENT) return failed(left);
  return PackageStore(folder, std::move(handle));
}

Result<EpochFloors> PackageStore::floors() const {
  EpochFloors out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder_, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() != kFloorEnding) continue;
    const auto app = manifest::ComponentId::parse(it->path().stem().string());
    if (app) out.emplace(*app, read_floor(handle_.get(), it->path().filename().string()));
  }
  if (error) return Error(kStoreFailed, folder_ + ": " + error.message());
  return out;
}

void PackageStore::forget_received() {
  incoming_.reset();
  size_ = received_ = 0;
  (void)::unlinkat(handle_.get(), kIncoming, 0);  // begin() and open() say what is in the way
}

Status PackageStore::begin(std::uint64_t size) {
  incoming_.reset();
  size_ = received_ = 0;
  if (size == 0 || size > kReceivedBytesMax)
    return Error(kNoRoom, "a package has at most " + std::to_string(kReceivedBytesMax) + " bytes");
  // A new file each time: the one before may be a package that is mounted.
  if (::unlinkat(handle_.get(), kIncoming, 0) != 0 && errno != ENOENT) return failed(kIncoming);
  struct statvfs space{};
  if (::fstatvfs(handle_.get(), &space) != 0) return failed(folder_);
  const std::uint64_t free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  if (free_bytes < size + kFreeBytesMin)
    return Error(kNoRoom, std::to_string(size) + " bytes, of " + std::to_string(free_bytes) +
                              " that are free " + std::to_string(kFreeBytesMin) + " have to stay");
  UniqueFd file(::openat(handle_.get(), kIncoming, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return failed(kIncoming);
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)); error != 0)
    return Error(kNoRoom, std::strerror(error));
  incoming_ = std::move(file);
  size_ = size;
  return {};
}

Result<std::uint64_t> PackageStore::receive(std::uint64_t size, std::uint64_t offset,
                                            ByteView data) {
  if (offset == 0) PAVISE_TRY(begin(size));
  if (!incoming_ || size != size_ || offset != received_ || data.size() > size_ - received_)
    return Error(kPartOutOfOrder,
                 "it has " + std::to_string(received_) + " of " + std::to_string(size_) + " bytes");
  PAVISE_TRY(write_all(incoming_.get(), data, offset));
  received_ += data.size();
  return received_;
}

Result<std::string> PackageStore::received(std::uint64_t size, const Digest256& sha256) const {
  if (!incoming_ || received_ != size_ || size != size_)
    return Error(kNotReceived,
                 "it has " + std::to_string(received_) + " of " + std::to_string(size_) + " bytes");
  void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, incoming_.get(), 0);
  if (mapped == MAP_FAILED) return failed("map");
  const bool same =
      crypto::sha256(ByteView(static_cast<const std::byte*>(mapped), size_)) == sha256;
  ::munmap(mapped, size_);
  if (!same) return Error(kNotReceived, "another digest");
  return folder_ + '/' + kIncoming;
}

std::string PackageStore::path_of(const manifest::ComponentId& app) const {
  return folder_ + '/' + app.text() + std::string(kPackageEnding);
}

bool PackageStore::has(const manifest::ComponentId& app) const {
  return ::access(path_of(app).c_str(), F_OK) == 0;
}

Status PackageStore::keep(const manifest::ComponentId& app, std::uint32_t epoch) {
  if (!incoming_ || received_ != size_) return kNotReceived;
  PAVISE_TRY_ASSIGN(const bool rises, prepare_floor(app, epoch));
  if (::fsync(incoming_.get()) != 0 ||
      ::renameat(handle_.get(), kIncoming, AT_FDCWD, path_of(app).c_str()) != 0)
    return failed(kIncoming);
  incoming_.reset();
  size_ = received_ = 0;
  // Only now: an end in between must not leave a floor above the package that is there.
  if (rises) return put_floor(app);
  return ::fsync(handle_.get()) == 0 ? Status() : failed(folder_);
}

Status PackageStore::raise_floor(const manifest::ComponentId& app, std::uint32_t epoch) {
  PAVISE_TRY_ASSIGN(const bool rises, prepare_floor(app, epoch));
  return rises ? put_floor(app) : Status();
}

Result<bool> PackageStore::prepare_floor(const manifest::ComponentId& app, std::uint32_t epoch) {
  PAVISE_TRY_ASSIGN(const EpochFloors all, floors());
  const auto floor = all.find(app);
  if (floor != all.end() && floor->second >= epoch) return false;
  const std::string text = std::to_string(epoch);
  const UniqueFd file(
      ::openat(handle_.get(), kFloorNew, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return failed(kFloorNew);
  PAVISE_TRY(write_all(file.get(), as_bytes(text), 0));
  if (::fsync(file.get()) != 0) return failed(kFloorNew);
  return true;
}

Status PackageStore::put_floor(const manifest::ComponentId& app) {
  const std::string name = app.text() + std::string(kFloorEnding);
  if (::renameat(handle_.get(), kFloorNew, handle_.get(), name.c_str()) != 0 ||
      ::fsync(handle_.get()) != 0)
    return failed(name);
  return {};
}

Status PackageStore::erase(const manifest::ComponentId& app) {
  if (::unlink(path_of(app).c_str()) != 0 && errno != ENOENT) return failed(app.text());
  return ::fsync(handle_.get()) == 0 ? Status() : failed(folder_);
}

}  // namespace pavise::device
