#include "cloud/hub/transfers/transfer_engine.h"

#include <algorithm>
#include <set>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/transfers/device_line.h"

namespace pavise::hub::transfers {

using store::HubReader;
using store::HubTransaction;
using store::JobStatus;
using store::JobType;

namespace {

// Of the store or the disk, and it may be over soon: the step is done again. Whatever a container
// or its limits say ends the job.
bool may_pass(const Error& error) {
  for (const ErrorInfo* info :
       {&store::kStoreFailed, &store::kStoreFull, &store::kStoreBusy, &store::kStoreLocked,
        &store::kTooManyEvents, &files::kFilesFailed, &files::kFilesFull, &files::kFilesLocked,
        &files::kStoreUnreachable, &files::kStoreRefused})
    if (error.is(*info)) return true;
  return false;
}

std::string key_of(const HubReader::DueJob& due) {
  return due.hub.text() + "/" + due.job.id;
}

std::string block_id(std::size_t number) {
  return to_base64(as_bytes("block-" + std::to_string(number)));
}

}  // namespace

std::int64_t TransferEngine::step() {
  std::vector<HubReader::DueJob> open;
  const Status read = services_.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(open, reader.open_transfers(kTransfersAtOnce));
    return {};
  });
  if (!read) {
    if (services_.failed) services_.failed(read.error());
    return kRetryMs;
  }
  std::set<std::string, std::less<>> keys;
  for (const HubReader::DueJob& due : open) keys.insert(key_of(due));
  std::vector<std::string> gone;
  for (const auto& [key, active] : active_)
    if (!keys.contains(key)) gone.push_back(key);
  for (const std::string& key : gone) drop(key);
  std::int64_t wait_ms = open.empty() ? kWaitMs : 0;
  for (const HubReader::DueJob& due : open) {
    Status done = advance(due);
    if (!done && !may_pass(done.error())) {
      drop(key_of(due));
      done = fail(due, done.error());
    }
    if (done) continue;
    drop(key_of(due));  // and begins with what is on disk
    if (services_.failed) services_.failed(done.error());
    wait_ms = kRetryMs;
  }
  return wait_ms;
}

Status TransferEngine::advance(const HubReader::DueJob& due) {
  const std::string key = key_of(due);
  if (!active_.contains(key)) return begin(due);
  Active& active = active_.at(key);
  active.job = due.job;
  return due.job.type == JobType::export_devices ? export_page(active) : import_batch(active);
}

Status TransferEngine::begin(const HubReader::DueJob& due) {
  auto request = rest::parse_transfer(due.job.request_json);
  if (!request) return kTransferUnusable;
  Active active{.hub = due.hub, .job = due.job, .request = *std::move(request), .output = {}};
  PAVISE_TRY(prepare(active));
  active.job.status = JobStatus::running;
  if (due.job.status != JobStatus::running) active.job.start_ms = services_.clock.now_ms();
  PAVISE_TRY(save(active));
  active_.insert_or_assign(key_of(due), std::move(active));
  return {};
}

// Blocks that a former attempt left are dropped: an export begins anew, and an import has to say
// again what it has not said for good.
Status TransferEngine::prepare(Active& active) {
  files::FileStore& files = services_.files.store();
  const rest::TransferFile& output = active.request.output;
  PAVISE_TRY_ASSIGN(active.output, files.container_upload(output.container, output.name));
  if (active.job.type == JobType::export_devices) {
    PAVISE_TRY(files.end_upload(active.output.id));
    PAVISE_TRY_ASSIGN(active.output, files.container_upload(output.container, output.name));
    return services_.queue.store().read([&](HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(const auto counts, reader.count_identities(active.hub));
      active.expected = counts.devices + counts.modules;
      return {};
    });
  }
  const rest::TransferFile& input = active.request.input;
  PAVISE_TRY_ASSIGN(const files::Container container, files.container(input.container));
  auto found = files.file(container.files_hub(), files::kContainerDevice, input.name);
  const bool first = active.job.checkpoint.empty();
  if (!found && found.error().is(files::kFileNotFound))
    return first ? kInputMissing : kInputChanged;
  if (!found) return found.error();
  active.input = *std::move(found);
  if (first) {
    PAVISE_TRY(files.end_upload(active.output.id));
    PAVISE_TRY_ASSIGN(active.output, files.container_upload(output.container, output.name));
    active.job.checkpoint = text_of({.etag = active.input.etag});
  }
  PAVISE_TRY_ASSIGN(const Checkpoint checkpoint, parse(active.job.checkpoint));
  if (checkpoint.etag != active.input.etag) return kInputChanged;
  active.blocks = checkpoint.blocks;
  return {};
}

// ---- export

Status TransferEngine::export_page(Active& active) {
  std::vector<store::TwinRecord> page;
  PAVISE_TRY(services_.queue.store().read([&](HubReader& reader) -> Status {
    PAVISE_TRY_ASSIGN(page, reader.twins(active.hub, active.of_modules,
                                         {.after = active.after, .limit = kDevicesPerPage}));
    return {};
  }));
  for (const store::TwinRecord& twin : page) {
    const std::string line = device_line(twin, active.request.exclude_keys);
    if (active.buffer.size() + line.size() > kExportBlockSize) {
      PAVISE_TRY(write_block(active, active.buffer));
      active.buffer.clear();
    }
    active.buffer += line;
    ++active.written;
  }
  if (!page.empty()) active.after = page.back().identity.id.client_id();
  if (page.size() == kDevicesPerPage) {
    const std::uint64_t percent =
        active.written * 100 / std::max<std::uint64_t>(1, active.expected);
    active.job.progress = static_cast<std::uint32_t>(std::min<std::uint64_t>(percent, 99));
    return save(active);
  }
  if (!active.of_modules) {
    active.of_modules = true;
    active.after.clear();
    return {};
  }
  PAVISE_TRY(save(active));  // whoever cancelled it gets no file
  if (is_final(active.job.status)) return {};
  if (!active.buffer.empty()) PAVISE_TRY(write_block(active, active.buffer));
  PAVISE_TRY(finish_output(active, "text/plain; charset=utf-8"));
  return complete(active, std::to_string(active.written) + " devices and modules");
}

// ---- output

Status TransferEngine::write_block(Active& active, std::string_view text) {
  PAVISE_TRY(services_.files.store().put_block(active.output.id, block_id(active.blocks),
                                               as_bytes(text), files::kContainerLimits));
  ++active.blocks;
  return {};
}

Status TransferEngine::finish_output(Active& active, std::string_view content_type) {
  std::vector<files::BlockName> blocks;
  blocks.reserve(active.blocks);
  for (std::size_t i = 0; i < active.blocks; ++i) {
    // Latest: an import that was killed between the file and the word of it has them in the file.
    blocks.push_back({files::BlockFrom::latest, block_id(i)});
  }
  PAVISE_TRY(services_.files.store().commit(active.output.id, blocks, content_type, false,
                                            files::kContainerLimits));
  return services_.files.store().end_upload(active.output.id);
}

// ---- the job

Status TransferEngine::save(Active& active) {
  bool runs = true;
  PAVISE_TRY(services_.queue.call([&](HubTransaction& transaction) -> Status {
    const auto now = transaction.job(active.hub, active.job.id);
    if (!now && !now.error().is(store::kJobNotFound) && !now.error().is(store::kHubNotFound))
      return now.error();
    runs = now && !is_final(now->status);
    if (!runs) return {};
    return transaction.update_job(active.hub, active.job);
  }));
  // What was cancelled meanwhile is dropped by the next step, which does not find it any more.
  if (!runs) active.job.status = JobStatus::cancelled;
  return {};
}

Status TransferEngine::complete(Active& active, std::string words) {
  active.job.status = JobStatus::completed;
  active.job.progress = 100;
  active.job.end_ms = services_.clock.now_ms();
  active.job.status_message = std::move(words);
  active.job.checkpoint.clear();
  return save(active);
}

Status TransferEngine::fail(const HubReader::DueJob& due, const Error& why) {
  Active active{.hub = due.hub, .job = due.job, .request = {}, .output = {}};
  active.job.status = JobStatus::failed;
  active.job.end_ms = services_.clock.now_ms();
  active.job.failure_reason = std::string(why.info().code) + ": " + why.message();
  active.job.checkpoint.clear();
  return save(active);
}

// The blocks of what is not to be a file are secrets of nobody's; what cannot be dropped now goes
// with its container.
void TransferEngine::drop(const std::string& key) {
  const auto found = active_.find(key);
  if (found == active_.end()) return;
  if (found->second.job.type == JobType::export_devices)
    (void)services_.files.store().end_upload(found->second.output.id).has_value();
  active_.erase(found);
}

void TransferEngine::tell(const iothub::Identity& identity, rest::BulkOutcome outcome) const {
  if (outcome.twin && !outcome.twin->desired_notification.empty())
    services_.desired_changed(identity, outcome.twin->desired_version,
                              std::move(outcome.twin->desired_notification));
  for (const iothub::Identity& each : outcome.removed) services_.forget(each);
  if (!outcome.rights_changed) return;
  RightsChanged change{
      .device = identity.device(), .hub = identity.hub(), .reason = Error(kDeviceBarred)};
  if (identity.is_module()) change.module_id = identity.module_id();
  services_.rights_changed(change);
}

}  // namespace pavise::hub::transfers
