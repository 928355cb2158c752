// Imports and exports over real stores, step by step; time and restarts are the test's.
#include "cloud/hub/transfers/transfer_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>

#include "cloud/hub/files/testing/memory_depot.h"
#include "cloud/hub/store/sqlite_hub_store.h"
#include "cloud/hub/store/testing/folder.h"
#include "cloud/hub/transfers/line_cutter.h"

namespace pavise::hub::transfers {
namespace {

namespace json = boost::json;
using store::HubTransaction;
using store::JobRecord;
using store::JobStatus;
using store::JobType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr UnixMillis kNow = 1'800'000'000'000;
constexpr std::int64_t kTtlMs = 3'600'000;
const iothub::HubName kHub = *iothub::HubName::parse("plant-1");
const iothub::HubName kOther = *iothub::HubName::parse("plant-2");
const std::string kKey = "MDEyMzQ1Njc4OWFiY2RlZg==";

class TransferTest : public ::testing::Test {
 protected:
  TransferTest() {
    open();
    for (const iothub::HubName& hub : {kHub, kOther})
      EXPECT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
        PAVISE_TRY(transaction.create_hub(hub, *TenantId::parse("acme"), {}));
        return {};
      }));
    container_ = *files_->store().make_container(files_hub(kHub), kNow + kTtlMs);
  }
  void open() {
    store_ = *store::open_sqlite_hub_store({.path = folder_.file()}, clock_);
    queue_ = std::make_unique<store::StoreQueue>(*store_);
    files::FileHouseOptions options{.folder = folder_.file("files")};
    if (medium_)
      options.depot = [this](const std::string&) -> Result<std::unique_ptr<files::ByteDepot>> {
        return std::unique_ptr<files::ByteDepot>(
            std::make_unique<files::testing::MemoryDepot>(medium_));
      };
    files_ = *files::FileHouse::open(std::move(options), store_->index(), clock_);
    start();
  }
  void start() {
    engine_ = std::make_unique<TransferEngine>(TransferServices{
        .queue = *queue_,
        .files = *files_,
        .clock = clock_,
        .desired_changed =
            [this](const iothub::Identity& id, std::uint64_t version, const std::string& body) {
              told_.push_back(id.client_id() + " " + std::to_string(version) + " " + body);
            },
        .forget = [this](const iothub::Identity& id) { forgotten_.push_back(id.client_id()); },
        .rights_changed =
            [this](const RightsChanged& change) {
              barred_.push_back(change.device + (change.module_id ? "/" + *change.module_id : ""));
            },
        .failed = [this](const Error& error) { failures_.push_back(error.message()); },
        .lines_max = lines_max_});
  }
  // As after kill -9: what was committed is all that is left.
  void restart() {
    engine_.reset();
    files_.reset();
    queue_.reset();
    store_.reset();
    open();
  }
  std::string files_hub(const iothub::HubName& hub) {
    return files::hub_key(store_->index().hub(hub)->hub);
  }

  static iothub::Identity id(const std::string& device, const std::string& module_id = {}) {
    return *iothub::Identity::make(kHub, device, module_id);
  }
  static std::string name(std::size_t number) {
    const std::string digits = std::to_string(number);
    return "d" + std::string(5 - digits.size(), '0') + digits;
  }
  void add(std::size_t count) {
    ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
      for (std::size_t i = 0; i < count; ++i)
        PAVISE_TRY(transaction.create_identity(id(name(i)), {}));
      return {};
    }));
  }
  std::string job(JobType type, bool exclude_keys = false) {
    const std::string job_id = "job-" + std::to_string(++jobs_);
    const rest::TransferRequest request{
        .input = {container_.id, "https://x/c", "devices.txt"},
        .output = {container_.id, "https://x/c",
                   type == JobType::import_devices ? "importErrors.log" : "devices.txt"},
        .exclude_keys = exclude_keys};
    EXPECT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
      PAVISE_TRY(transaction.create_job(kHub, {.id = job_id,
                                               .type = type,
                                               .request_json = rest::transfer_text(request),
                                               .start_ms = clock_.now_ms()}));
      return {};
    }));
    return job_id;
  }
  JobRecord shown(const std::string& job_id) {
    JobRecord out;
    EXPECT_TRUE(store_->read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(out, reader.job(kHub, job_id));
      return {};
    }));
    return out;
  }
  // Until there is nothing more to do now.
  JobRecord finished(const std::string& job_id) {
    for (int steps = 0; steps < 10'000; ++steps)
      if (engine_->step() > 0) return shown(job_id);
    ADD_FAILURE() << "it never rests";
    return {};
  }
  void upload(const std::string& text, const std::string& file = "devices.txt") {
    const auto upload = files_->store().container_upload(container_.id, file);
    ASSERT_TRUE(upload);
    ASSERT_TRUE(files_->store().put(upload->id, as_bytes(text), "text/plain", false,
                                    files::kContainerLimits));
    ASSERT_TRUE(files_->store().end_upload(upload->id));
  }
  std::optional<std::string> file(const std::string& file_name) {
    const auto found =
        files_->store().file(container_.files_hub(), files::kContainerDevice, file_name);
    if (!found) return std::nullopt;
    const auto bytes = files_->store().read(container_.files_hub(), files::kContainerDevice, *found,
                                            0, found->size_bytes);
    return std::string(as_text(*bytes));
  }
  static std::vector<json::object> lines_of(const std::string& text) {
    std::vector<json::object> out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      out.push_back(json::parse(text.substr(at, end - at)).as_object());
      at = end + 1;
    }
    return out;
  }
  std::uint64_t devices() {
    std::uint64_t out = 0;
    EXPECT_TRUE(store_->read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(const auto counts, reader.count_identities(kHub));
      out = counts.devices + counts.modules;
      return {};
    }));
    return out;
  }
  store::TwinRecord twin(const iothub::Identity& identity) {
    std::optional<store::TwinRecord> out;
    EXPECT_TRUE(store_->read([&](store::HubReader& reader) -> Status {
      PAVISE_TRY_ASSIGN(out, reader.twin(identity));
      return {};
    }));
    return *out;
  }
  static std::string lines(std::size_t count, const std::string& more = {}) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += "{\"id\":\"" + name(i) + "\"" + more + "}\n";
    return out;
  }

  store::Folder folder_;
  ManualClock clock_{kNow};
  std::unique_ptr<store::HubStore> store_;
  std::unique_ptr<store::StoreQueue> queue_;
  std::shared_ptr<files::testing::MemoryMedium> medium_;  // of a store elsewhere, if there is one
  std::unique_ptr<files::FileHouse> files_;
  std::unique_ptr<TransferEngine> engine_;
  files::Container container_;
  std::uint64_t lines_max_ = kLinesMax;
  int jobs_ = 0;
  std::vector<std::string> told_, forgotten_, barred_, failures_;
};

TEST_F(TransferTest, AnExportHasDevicesThenModulesWithKeysAndTwins) {
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    store::IdentityFields fields;
    fields.auth.primary_key = kKey;
    fields.status_reason = "why not";
    fields.enabled = false;
    PAVISE_TRY(transaction.create_identity(id("a"), fields));
    PAVISE_TRY(transaction.create_identity(id("a", "m"), {.managed_by = "x"}));
    PAVISE_TRY(transaction.create_identity(id("b"),
                                           {.auth = {.kind = store::AuthKind::self_signed,
                                                     .primary_thumbprint = std::string(40, 'A')}}));
    PAVISE_TRY(transaction.change_twin(id("a"),
                                       R"({"tags":{"floor":1},"properties":{"desired":{"x":2}}})",
                                       store::TwinChangeKind::merge, {}));
    return {};
  }));
  const std::string job_id = job(JobType::export_devices);
  const JobRecord done = finished(job_id);
  EXPECT_EQ(done.status, JobStatus::completed) << done.failure_reason;
  EXPECT_EQ(done.progress, 100U);
  EXPECT_EQ(done.status_message, "3 devices and modules");
  EXPECT_EQ(done.end_ms, kNow);
  const auto all = lines_of(file("devices.txt").value_or(""));
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0].at("id"), "a");
  EXPECT_EQ(all[0].at("status"), "disabled");
  EXPECT_EQ(all[0].at("statusReason"), "why not");
  EXPECT_EQ(all[0].at("authentication").at("symmetricKey").at("primaryKey"), json::value(kKey));
  EXPECT_EQ(all[0].at("tags"), json::parse(R"({"floor":1})"));
  EXPECT_EQ(all[0].at("properties"), json::parse(R"({"desired":{"x":2}})"));
  EXPECT_FALSE(all[0].contains("moduleId"));
  EXPECT_EQ(all[1].at("id"), "b");
  EXPECT_EQ(all[1].at("authentication").at("x509Thumbprint").at("primaryThumbprint"),
            json::value(std::string(40, 'A')));
  EXPECT_FALSE(all[1].contains("tags")) << "there is nothing to write";
  EXPECT_EQ(all[2].at("moduleId"), "m");
  EXPECT_EQ(all[2].at("managedBy"), "x");
}

TEST_F(TransferTest, AnExportWithoutKeysHasNone) {
  add(3);
  finished(job(JobType::export_devices, true));
  const std::string text = file("devices.txt").value_or("");
  EXPECT_THAT(lines_of(text), SizeIs(3));
  EXPECT_TRUE(lines_of(text)[0].at("authentication").at("symmetricKey").at("primaryKey").is_null());
}

TEST_F(TransferTest, WhatWasExportedCanBeImported) {
  add(3 * kDevicesPerPage);
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.create_identity(id(name(7), "m"), {}));
    PAVISE_TRY(transaction.change_twin(id(name(7), "m"), R"({"properties":{"desired":{"x":2}}})",
                                       store::TwinChangeKind::merge, {}));
    return {};
  }));
  const std::string key = twin(id(name(7))).identity.fields.auth.primary_key;
  finished(job(JobType::export_devices));
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    for (std::size_t i = 0; i < 3 * kDevicesPerPage; ++i)
      PAVISE_TRY(transaction.delete_identity(id(name(i)), {}));
    return {};
  }));
  ASSERT_EQ(devices(), 0U);
  const JobRecord done = finished(job(JobType::import_devices));
  EXPECT_EQ(done.status_message, "301 lines");
  EXPECT_EQ(file("importErrors.log"), "");
  EXPECT_EQ(devices(), 301U);
  EXPECT_EQ(twin(id(name(7))).identity.fields.auth.primary_key, key);
  EXPECT_THAT(twin(id(name(7), "m")).desired_json, HasSubstr(R"("x":2)"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("d00007/m 2 ")));
}

TEST_F(TransferTest, EachLineIsAppliedWholeOrNotAtAllAndToldOf) {
  add(2);
  upload(
      "\xef\xbb\xbf{\"id\":\"new\",\"tags\":{\"a\":1}}\r\n"
      "\n"
      "no JSON\n"
      "{\"id\":\"d00000\",\"importMode\":\"create\"}\n"
      "{\"id\":\"half\",\"tags\":{\"$a\":1}}\n"
      "{\"id\":\"d00001\",\"importMode\":\"delete\"}\n"
      "{\"id\":\"d00000\",\"status\":\"disabled\",\"properties\":{\"desired\":{\"x\":1,"
      "\"$version\":7,\"$metadata\":{}}}}\n"
      "{\"id\":\"none\",\"importMode\":\"Update\"}\n"
      "{\"id\":\"d00000\",\"importMode\":\"deleteIfMatchETag\",\"eTag\":\"other\"}\n"
      "{\"id\":\"new\",\"moduleId\":\"m\"}");
  const JobRecord done = finished(job(JobType::import_devices));
  EXPECT_EQ(done.status, JobStatus::completed) << done.failure_reason;
  EXPECT_EQ(done.status_message, "10 lines, of which 5 failed: see importErrors.log");
  std::vector<std::string> errors;
  for (const json::object& line : lines_of(file("importErrors.log").value_or("")))
    errors.push_back(std::to_string(line.at("line").as_int64()) + " " +
                     std::to_string(line.at("errorCode").as_int64()));
  EXPECT_THAT(errors, ElementsAre("3 400006", "4 409001", "5 400004", "8 404001", "9 412001"));
  EXPECT_EQ(devices(), 3U) << "new, its module and d00000; of the half one nothing is left";
  EXPECT_FALSE(twin(id("d00000")).identity.fields.enabled);
  EXPECT_THAT(forgotten_, ElementsAre("d00001"));
  EXPECT_THAT(barred_, ElementsAre("d00001", "d00000")) << "whose rights are others";
  EXPECT_THAT(told_, ElementsAre(R"(d00000 2 {"x":1,"$version":2})"));
}

TEST_F(TransferTest, AnImportGoesOnAfterAKillAtAnyStep) {
  constexpr std::size_t kLines = 4 * kLinesPerCommit + 10;
  // Every tenth fails, and would fail again if it were applied twice; so would all others.
  std::string text = lines(kLines, ",\"importMode\":\"create\"");
  for (std::size_t i = 0; i < kLines; i += 10) text += lines(1, ",\"importMode\":\"create\"");
  upload(text);
  const std::string job_id = job(JobType::import_devices);
  int steps = 0;
  for (; !is_final(shown(job_id).status) && steps < 100; ++steps) {
    engine_->step();  // begins with what is on disk
    engine_->step();  // one batch, or the end
    restart();
  }
  const JobRecord done = shown(job_id);
  EXPECT_EQ(done.status, JobStatus::completed) << done.failure_reason;
  EXPECT_GT(steps, 4);
  EXPECT_EQ(done.status_message, "231 lines, of which 21 failed: see importErrors.log");
  EXPECT_EQ(devices(), kLines);
  EXPECT_THAT(lines_of(file("importErrors.log").value_or("")), SizeIs(21));
}

TEST_F(TransferTest, ManyErrorsBecomeBlocksOfTheLog) {
  constexpr std::size_t kLines = 1000;
  const std::string mode = ",\"importMode\":\"" + std::string(40, 'x') + "\"";
  upload(lines(kLines, mode));
  const std::string job_id = job(JobType::import_devices);
  // Killed after each step but one: blocks are written again, and say the same.
  for (int steps = 0; !is_final(shown(job_id).status) && steps < 100; ++steps) {
    engine_->step();
    engine_->step();
    engine_->step();
    restart();
  }
  const std::string log = file("importErrors.log").value_or("");
  EXPECT_GT(log.size(), 2 * kErrorBlockSize);
  const auto all = lines_of(log);
  ASSERT_THAT(all, SizeIs(kLines));
  for (std::size_t i = 0; i < kLines; ++i)
    EXPECT_EQ(all[i].at("line").as_int64(), static_cast<std::int64_t>(i) + 1);
}

TEST_F(TransferTest, AKilledImportWhoseLogIsThereEndsAll) {
  upload("no JSON\n");
  const std::string job_id = job(JobType::import_devices);
  engine_->step();
  engine_->step();
  const JobRecord before = shown(job_id);
  ASSERT_EQ(finished(job_id).status, JobStatus::completed);
  const std::string log = file("importErrors.log").value_or("");
  // The file was made, and the word of it was not.
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    PAVISE_TRY(transaction.delete_job(kHub, job_id));
    PAVISE_TRY(transaction.create_job(kHub, before));
    return {};
  }));
  restart();
  EXPECT_EQ(finished(job_id).status, JobStatus::completed);
  EXPECT_EQ(file("importErrors.log"), log);
}

TEST_F(TransferTest, AnExportBeginsAnewAfterAKill) {
  add(2 * kDevicesPerPage + 1);
  const std::string job_id = job(JobType::export_devices);
  for (int i = 0; i < 3; ++i) engine_->step();
  EXPECT_EQ(shown(job_id).status, JobStatus::running);
  EXPECT_GT(shown(job_id).progress, 0U);
  EXPECT_EQ(file("devices.txt"), std::nullopt) << "not before it is whole";
  restart();
  EXPECT_EQ(finished(job_id).status, JobStatus::completed);
  EXPECT_THAT(lines_of(file("devices.txt").value_or("")), SizeIs(2 * kDevicesPerPage + 1));
}

TEST_F(TransferTest, LargeExportsHaveMoreThanOneBlock) {
  add(3 * kDevicesPerPage);
  ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
    std::string desired;
    for (int i = 0; i < 7; ++i)
      desired +=
          (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"" + std::string(4000, 'x') + "\"";
    for (std::size_t i = 0; i < 3 * kDevicesPerPage; ++i)
      PAVISE_TRY(transaction.change_twin(id(name(i)),
                                         R"({"properties":{"desired":{)" + desired + "}}}",
                                         store::TwinChangeKind::merge, {}));
    return {};
  }));
  ASSERT_EQ(finished(job(JobType::export_devices)).status, JobStatus::completed);
  const std::string text = file("devices.txt").value_or("");
  EXPECT_GT(text.size(), 2 * kExportBlockSize);
  const auto all = lines_of(text);
  ASSERT_THAT(all, SizeIs(3 * kDevicesPerPage));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].at("id"), json::value(name(i)));
}

TEST_F(TransferTest, AStoreThatDoesNotAnswerEndsNoJob) {
  add(3);
  medium_ = std::make_shared<files::testing::MemoryMedium>();
  medium_->remote = true;
  restart();
  const std::string job_id = job(JobType::export_devices);
  for (const ErrorInfo* const failure : {&files::kStoreUnreachable, &files::kStoreRefused}) {
    medium_->failure = failure;
    EXPECT_EQ(finished(job_id).status, JobStatus::running);
    EXPECT_FALSE(failures_.empty());
  }
  medium_->failure = nullptr;
  EXPECT_EQ(finished(job_id).status, JobStatus::completed);
  EXPECT_EQ(lines_of(*file("devices.txt")).size(), 3U);
}

TEST_F(TransferTest, ACancelledJobStops) {
  add(2 * kDevicesPerPage + 1);
  const auto cancel = [&](const std::string& job_id) {
    ASSERT_TRUE(queue_->call([&](HubTransaction& transaction) -> Status {
      PAVISE_TRY_ASSIGN(JobRecord job, transaction.job(kHub, job_id));
      job.status = JobStatus::cancelled;
      return transaction.update_job(kHub, job);
    }));
  };
  const std::string exported = job(JobType::export_devices);
  engine_->step();
  engine_->step();
  cancel(exported);
  EXPECT_EQ(finished(exported).status, JobStatus::cancelled);
  EXPECT_EQ(file("devices.txt"), std::nullopt);
  EXPECT_EQ(*files_->store().charged(container_.files_hub(), ""), 0U) << "no block is left";
  upload(lines(3 * kLinesPerCommit, R"(,"importMode":"delete")"));
  const std::string imported = job(JobType::import_devices);
  engine_->step();
  engine_->step();
  cancel(imported);
  EXPECT_EQ(finished(imported).status, JobStatus::cancelled);
  EXPECT_EQ(devices(), 2 * kDevicesPerPage + 1 - kLinesPerCommit) << "what was done stays";
}

TEST_F(TransferTest, LimitsOfLines) {
  lines_max_ = kLinesPerCommit + 5;
  start();
  upload(lines(lines_max_));
  EXPECT_EQ(finished(job(JobType::import_devices)).status, JobStatus::completed);
  upload(lines(lines_max_ + 1));
  const JobRecord failed = finished(job(JobType::import_devices));
  EXPECT_EQ(failed.status, JobStatus::failed);
  EXPECT_THAT(failed.failure_reason, HasSubstr("PV-HTF-003"));
  const std::string head = R"({"id":"long","statusReason":")";
  const auto line_of = [&](std::size_t size) {
    return head + std::string(size - head.size() - 2, 'x') + "\"}\n";
  };
  upload(lines(3) + line_of(kLineSizeMax));
  const JobRecord one_failed = finished(job(JobType::import_devices));
  EXPECT_THAT(one_failed.status_message, HasSubstr("1 failed")) << "its reason is too long";
  upload(lines(3) + line_of(kLineSizeMax + 1) + lines(2));
  EXPECT_THAT(finished(job(JobType::import_devices)).failure_reason, HasSubstr("PV-HTF-002"));
}

TEST_F(TransferTest, WhatEndsAJob) {
  EXPECT_THAT(finished(job(JobType::import_devices)).failure_reason, HasSubstr("PV-HTF-005"))
      << "there is no such file";
  upload(lines(2 * kLinesPerCommit));
  const std::string changed = job(JobType::import_devices);
  engine_->step();
  engine_->step();
  upload(lines(1));
  restart();
  EXPECT_THAT(finished(changed).failure_reason, HasSubstr("PV-HTF-001"));
  const std::string late = job(JobType::export_devices);
  clock_.advance_ms(kTtlMs);
  EXPECT_THAT(finished(late).failure_reason, HasSubstr("PV-HFL-031"));
  EXPECT_EQ(shown(late).status, JobStatus::failed);
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(TransferTest, RestsWhenThereIsNothingToDo) {
  EXPECT_EQ(engine_->step(), kWaitMs);
}

}  // namespace
}  // namespace pavise::hub::transfers
