// The lines of an import, a batch at a time.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <future>

#include "cloud/hub/transfers/device_line.h"
#include "cloud/hub/transfers/line_cutter.h"
#include "cloud/hub/transfers/transfer_engine.h"

namespace pavise::hub::transfers {

namespace json = boost::json;
using store::HubTransaction;
using store::JobRecord;

struct TransferEngine::Batch {
  struct Line {
    std::uint64_t number = 0;
    Result<rest::BulkItem> item;
  };
  Checkpoint before{};
  std::vector<Line> lines{};
  std::uint64_t position = 0;  // behind the last of them
  std::uint64_t number = 0;    // of the last of them
};

Result<TransferEngine::Checkpoint> TransferEngine::parse(const std::string& text) {
  boost::system::error_code ec;
  const json::value value = json::parse(text, ec);
  const json::object* const all = ec ? nullptr : value.if_object();
  if (all == nullptr) return kTransferUnusable;
  Checkpoint out;
  const auto number = [all](std::string_view name, auto& into) {
    const json::value* const found = all->if_contains(name);
    if (found == nullptr || !found->is_int64() || found->get_int64() < 0) return false;
    into = static_cast<std::remove_reference_t<decltype(into)>>(found->get_int64());
    return true;
  };
  const auto words = [all](std::string_view name, std::string& into) {
    const json::value* const found = all->if_contains(name);
    if (found == nullptr || !found->is_string()) return false;
    into = found->get_string();
    return true;
  };
  const bool good = words("etag", out.etag) && number("position", out.position) &&
                    number("lines", out.lines) && number("failed", out.failed) &&
                    number("blocks", out.blocks) && words("errors", out.errors);
  if (!good) return kTransferUnusable;
  return out;
}

std::string TransferEngine::text_of(const Checkpoint& checkpoint) {
  return json::serialize(json::object{{"etag", checkpoint.etag},
                                      {"position", static_cast<std::int64_t>(checkpoint.position)},
                                      {"lines", static_cast<std::int64_t>(checkpoint.lines)},
                                      {"failed", static_cast<std::int64_t>(checkpoint.failed)},
                                      {"blocks", static_cast<std::int64_t>(checkpoint.blocks)},
                                      {"errors", checkpoint.errors}});
}

Status TransferEngine::import_batch(Active& active) {
  PAVISE_TRY_ASSIGN(Checkpoint checkpoint, parse(active.job.checkpoint));
  if (checkpoint.errors.size() >= kErrorBlockSize) {
    // A block of that name may be there from before a crash; it said the same.
    active.blocks = checkpoint.blocks;
    PAVISE_TRY(write_block(active, checkpoint.errors));
    checkpoint.blocks = active.blocks;
    checkpoint.errors.clear();
  }
  PAVISE_TRY_ASSIGN(const Batch batch, next_batch(active, checkpoint));
  if (batch.position > checkpoint.position) return commit_batch(active, batch);
  active.blocks = checkpoint.blocks;
  if (!checkpoint.errors.empty()) PAVISE_TRY(write_block(active, checkpoint.errors));
  PAVISE_TRY(finish_output(active, "text/plain; charset=utf-8"));
  std::string words = std::to_string(checkpoint.lines) + " lines";
  if (checkpoint.failed > 0)
    words += ", of which " + std::to_string(checkpoint.failed) + " failed: see " +
             active.request.output.name;
  return complete(active, std::move(words));
}

Status TransferEngine::read_window(Active& active, std::uint64_t position) {
  files::FileStore& files = services_.files.store();
  PAVISE_TRY_ASSIGN(const files::Container container,
                    files.container(active.request.input.container));
  auto bytes = files.read(container.files_hub(), files::kContainerDevice, active.input, position,
                          kImportWindow);
  if (!bytes && bytes.error().is(files::kFileNotFound)) return kInputChanged;
  if (!bytes) return bytes.error();
  active.window = std::string(as_text(*bytes));
  active.window_at = position;
  return {};
}

Result<TransferEngine::Batch> TransferEngine::next_batch(Active& active, const Checkpoint& before) {
  static_assert(kImportWindow > kLineSizeMax);
  Batch out{.before = before, .position = before.position, .number = before.lines};
  std::vector<CutLine> lines;
  const auto cut = [&]() -> Status {
    const std::string_view window =
        std::string_view(active.window).substr(before.position - active.window_at);
    const bool at_end = active.window_at + active.window.size() >= active.input.size_bytes;
    PAVISE_TRY_ASSIGN(lines, cut_lines(window, at_end, kLinesPerCommit));
    return {};
  };
  const bool at_hand = before.position >= active.window_at &&
                       before.position < active.window_at + active.window.size();
  if (at_hand) PAVISE_TRY(cut());
  if (lines.size() < kLinesPerCommit && before.position < active.input.size_bytes) {
    PAVISE_TRY(read_window(active, before.position));
    PAVISE_TRY(cut());
  }
  for (const CutLine& line : lines) {
    out.position = before.position + line.end;
    if (++out.number > services_.lines_max) return kTooManyLines;
    std::string_view text = line.text;
    if (out.number == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (text.empty()) continue;
    out.lines.push_back({out.number, parse_device_line(active.hub, text)});
  }
  return out;
}

// All lines, how far it is and what there is to say of them, in one commit.
Status TransferEngine::commit_batch(Active& active, const Batch& batch) {
  struct Done {
    JobRecord job;
    std::vector<std::pair<iothub::Identity, rest::BulkOutcome>> outcomes{};
  };
  const auto run = [&](HubTransaction& transaction) -> Result<Done> {
    const auto now = transaction.job(active.hub, active.job.id);
    if (!now) return now.error();
    if (is_final(now->status)) return Done{*now};  // cancelled
    Done done{active.job};
    Checkpoint after = batch.before;
    for (const Batch::Line& line : batch.lines) {
      Status applied = line.item ? Status() : Status(line.item.error());
      if (applied)
        applied = transaction.attempt([&]() -> Status {
          PAVISE_TRY_ASSIGN(rest::BulkOutcome outcome,
                            rest::apply_bulk_item(transaction, *line.item));
          done.outcomes.emplace_back(line.item->identity, std::move(outcome));
          return {};
        });
      if (applied) continue;
      // No fault of the line: the batch waits until the events of those before are told.
      if (applied.error().is(store::kTooManyEvents)) return applied.error();
      ++after.failed;
      after.errors += error_line(line.number, line.item ? &*line.item : nullptr, applied.error());
    }
    after.position = batch.position;
    after.lines = batch.number;
    done.job.checkpoint = text_of(after);
    const std::uint64_t percent =
        after.position * 100 / std::max<std::uint64_t>(1, active.input.size_bytes);
    done.job.progress = static_cast<std::uint32_t>(std::min<std::uint64_t>(percent, 99));
    PAVISE_TRY(transaction.update_job(active.hub, done.job));
    return done;
  };
  std::promise<Status> promise;
  auto answer = promise.get_future();
  services_.queue.submit<Done>(run, [this, &promise](Result<Done> done) {
    if (!done) return promise.set_value(done.error());
    for (auto& [identity, outcome] : done->outcomes) tell(identity, std::move(outcome));
    promise.set_value({});
  });
  return answer.get();
}

}  // namespace pavise::hub::transfers
