#include "cloud/hub/files/file_house.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace pavise::hub::files {

std::string hub_key(const store::HubRecord& hub) {
  return hub.name.text() + "." + std::to_string(hub.created_ms);
}

FileLimits limits_of(const store::HubSettings& settings) {
  const store::FileUploadSettings& s = settings.file_upload;
  return {s.file_bytes_max, s.device_bytes_max, s.hub_bytes_max};
}

namespace {

// A folder that has objects, while they are to lie elsewhere from now on.
Status check_no_objects(const std::string& path, const std::string& name) {
  if (::access(path.c_str(), F_OK) != 0) return {};
  PAVISE_TRY_ASSIGN(const auto folder, open_directory_depot(path));
  return folder->each([&](const std::string&) {
    return Error(kObjectsElsewhere,
                 "those in " + path + " belong under " + name + "/ of the store");
  });
}

}  // namespace

Result<std::unique_ptr<FileHouse>> FileHouse::open(FileHouseOptions options,
                                                   const store::IdentityIndex& index,
                                                   const Clock& clock) {
  const std::string& folder = options.folder;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return Error(kFilesFailed, folder + ": " + std::generic_category().message(errno));
  const std::string objects = folder + "/objects";
  const auto make = [&](const std::string& name) -> Result<std::unique_ptr<ByteDepot>> {
    if (!options.depot) return open_directory_depot(objects);
    PAVISE_TRY(check_no_objects(objects, name));
    return options.depot(name);
  };
  PAVISE_TRY_ASSIGN(auto store, FileStore::open(folder, make, clock));
  PAVISE_TRY_ASSIGN(SecretBytes key, store->token_key());
  std::unique_ptr<FileHouse> house(
      new FileHouse(std::move(options), std::move(store), std::move(key), index, clock));
  PAVISE_TRY(house->keep());
  return house;
}

FileHouse::FileHouse(FileHouseOptions options, std::unique_ptr<FileStore> store, SecretBytes key,
                     const store::IdentityIndex& index, const Clock& clock)
    : options_(std::move(options)),
      index_(index),
      store_(std::move(store)),
      tokens_(std::move(key)),
      blobs_(
          *store_, tokens_, [this](const NewUpload& upload) { return admit(upload); },
          [this](const Container& container) { return admit_container(container); }, clock),
      collector_([this] { return collect(); }) {}

FileHouse::~FileHouse() {
  stop();
}

void FileHouse::start() {
  collector_.start();
}

void FileHouse::stop() {
  stopping_ = true;
  store_->stop_depot();
  collector_.stop();
}

// Says once that it fails, and once that it goes on.
std::int64_t FileHouse::collect() {
  const Status done = store_->collect();
  const ErrorInfo* const now = done ? nullptr : &done.error().info();
  if (now != failing_ && options_.depot_failed && !stopping_)
    options_.depot_failed(done ? nullptr : &done.error());
  failing_ = now;
  const CollectTimes& times = options_.collect;
  retry_ms_ = done ? 0 : std::clamp(retry_ms_ * 2, times.retry_ms, times.retry_ms_max);
  return done ? times.every_ms : retry_ms_;
}

// The device is there, enabled and the one that began; its hub is there and wants files.
Result<FileLimits> FileHouse::admit(const NewUpload& upload) const {
  const auto name = iothub::HubName::parse(upload.hub.substr(0, upload.hub.find('.')));
  if (!name) return kUploadNotFound;
  const auto hub = index_.hub(*name);
  if (hub == nullptr || hub_key(hub->hub) != upload.hub) return kUploadNotFound;
  if (!hub->hub.settings.file_upload.enabled) return kUploadsOff;
  const auto identity = iothub::Identity::make(*name, upload.device);
  const auto device = identity ? index_.find(*identity) : std::nullopt;
  if (!device || !device->enabled || device->generation_id != upload.generation)
    return Error(kUploadNotFound, "the device may not send now");
  return limits_of(hub->hub.settings);
}

Status FileHouse::admit_container(const Container& container) const {
  const auto name = iothub::HubName::parse(container.hub.substr(0, container.hub.find('.')));
  const auto hub = name ? index_.hub(*name) : nullptr;
  if (hub == nullptr || hub_key(hub->hub) != container.hub) return kContainerNotFound;
  return {};
}

Status FileHouse::keep() {
  std::set<std::string, std::less<>> hubs;
  for (const auto& hub : index_.hubs()) hubs.insert(hub_key(hub->hub));
  return store_->sweep(hubs);
}

}  // namespace pavise::hub::files
