#include "cloud/hub/files/file_house.h"

#include <sys/stat.h>

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

Result<std::unique_ptr<FileHouse>> FileHouse::open(const std::string& folder,
                                                   const store::IdentityIndex& index,
                                                   const Clock& clock) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return Error(kFilesFailed, folder + ": " + std::generic_category().message(errno));
  PAVISE_TRY_ASSIGN(auto depot, open_directory_depot(folder + "/objects"));
  PAVISE_TRY_ASSIGN(auto store, FileStore::open(folder, std::move(depot), clock));
  PAVISE_TRY_ASSIGN(SecretBytes key, store->token_key());
  std::unique_ptr<FileHouse> house(new FileHouse(std::move(store), std::move(key), index, clock));
  PAVISE_TRY(house->keep());
  return house;
}

FileHouse::FileHouse(std::unique_ptr<FileStore> store, SecretBytes key,
                     const store::IdentityIndex& index, const Clock& clock)
    : index_(index),
      store_(std::move(store)),
      tokens_(std::move(key)),
      blobs_(
          *store_, tokens_, [this](const NewUpload& upload) { return admit(upload); },
          [this](const Container& container) { return admit_container(container); }, clock) {}

// The device is there, enabled and the one that began; its hub is there and wants files.
Result<FileLimits> FileHouse::admit(const NewUpload& upload) const {
  const auto name = iothub::HubName::parse(upload.hub.substr(0, upload.hub.find('.')));
  const auto hub = name ? index_.hub(*name) : nullptr;
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
